// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>
/// Knows whether a flush has anything to do. Flushes of one node go one after the other; one that waited finds its work
/// done by the one before it, unless a write was completed meanwhile.
/// <code>
///   clean ──write──► dirty ──flush──► flushing ──write──► flushing, dirty
///     ▲                ▲                 │ │                    │
///     └──── done ──────┼─────────────────┘ └─ failed ─► dirty   │
///                      └──────────────── done or failed ────────┘
/// </code>
/// A file starts dirty: whoever wrote it before may not have flushed.
/// </summary>
internal sealed class FlushState(Func<int, int> dataSync)
{
    private const int Dirty = 1;
    private const int Flushing = 2;

    private readonly Lock _flush = new();
    private int _state = Dirty;
    private int _lost;

    /// <summary>All that was written is on stable storage.</summary>
    internal bool IsClean => Volatile.Read(ref _state) == 0;

    /// <summary>To be called when a change has been made and before anybody is told.</summary>
    internal void Written()
    {
        if ((Volatile.Read(ref _state) & Dirty) == 0)
            Interlocked.Or(ref _state, Dirty);
    }

    /// <summary>
    /// Blocking; answers an errno, 0 when done. After a failed fdatasync the kernel may have dropped the pages that it
    /// could not write and marked them clean: a later one would succeed without the data being on disk. So the first
    /// error stays, except for direct I/O, which leaves no pages behind.
    /// </summary>
    internal int Flush(int descriptor, bool direct)
    {
        lock (_flush)
        {
            if (_lost != 0)
                return _lost;
            if (IsClean)
                return 0;
            Interlocked.Exchange(ref _state, Flushing);
            var errno = dataSync(descriptor);
            if (errno == 0)
                Interlocked.And(ref _state, ~Flushing);
            else
                Interlocked.Exchange(ref _state, Dirty);
            if (errno != 0 && !direct)
                _lost = errno;
            return errno;
        }
    }
}
