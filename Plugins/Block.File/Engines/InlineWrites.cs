// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>
/// Decides whether a buffered write is done on the caller's thread. Copying into the page cache takes about as long as
/// waking another thread, and writers of one file exclude each other in the kernel anyway, so it is; until a write
/// takes so long that the kernel must be holding writers back (losing the processor alone rarely takes that long). Then
/// worker threads take over for a while.
/// </summary>
internal sealed class InlineWrites(TimeProvider clock)
{
    private readonly long _slow = clock.TimestampFrequency / 50;
    private readonly long _pause = clock.TimestampFrequency / 10;
    private long _notBefore = long.MinValue;

    internal bool TryBegin(out long started)
    {
        started = clock.GetTimestamp();
        return started >= Volatile.Read(ref _notBefore);
    }

    internal void End(long started)
    {
        var now = clock.GetTimestamp();
        if (now - started > _slow)
            Volatile.Write(ref _notBefore, now + _pause);
    }
}
