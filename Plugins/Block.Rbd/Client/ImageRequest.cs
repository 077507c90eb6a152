// SPDX-License-Identifier: MIT
using System.Threading.Tasks.Sources;
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>
/// A request on its way through Ceph, with a buffer of its own. Whoever asked may be told that it failed (a yank, a deadline)
/// while Ceph still has it: from then on his buffer is not touched any more, and this one stays until Ceph is done with it.
/// <code>
///   idle ─► under way ─► Ceph is done: told ──────────────► idle again, when both
///                └─────► given up: told ─► Ceph is done ─┘    have let go of it
/// </code>
/// </summary>
internal sealed unsafe class ImageRequest(RequestTable table, int slot) : IValueTaskSource
{
    private const int CephAndCaller = 2;

    private readonly Lock _lock = new();
    private ManualResetValueTaskSourceCore<bool> _awaited = new() { RunContinuationsAsynchronously = true };
    private int _bytes;
    private IoSlice _target;
    private long _started;
    private long _offset;
    private bool _isTold = true;
    private int _holders;

    /// <summary>By which Ceph's completion names it.</summary>
    public int Slot => slot;

    /// <summary>What Ceph reads or writes.</summary>
    public byte* Data { get; private set; }

    /// <summary>Once for each use, before it is given to Ceph.</summary>
    public ValueTask Task => new(this, _awaited.Version);

    /// <param name="started">When, as the clock counts.</param>
    /// <param name="bytes">Of the buffer that Ceph gets; 0: none.</param>
    /// <param name="target">Where goes what was read.</param>
    public void Begin(long started, long offset, int bytes, IoSlice target)
    {
        lock (_lock)
        {
            (_started, _offset, _bytes, _target, _isTold) = (started, offset, bytes, target, false);
            Data = bytes > 0 ? table.Buffers.Take(bytes) : null;
            _holders = CephAndCaller;
        }
    }

    /// <summary>Ceph is done with it.</summary>
    /// <param name="result">Below zero: an errno value; of a read: bytes, behind which the rest is zeroes.</param>
    public void Complete(long result)
    {
        bool isNews;
        lock (_lock)
        {
            isNews = !_isTold;
            _isTold = true;
            if (isNews && result >= 0)
                Deliver((int)Math.Min(result, _target.Length));
            _target = default;
        }

        if (_bytes > 0)
            table.Buffers.Return(Data, _bytes);
        Data = null;
        if (isNews && result >= 0)
            _awaited.SetResult(true);
        else if (isNews)
            _awaited.SetException(SystemError.Exception((int)-result, _offset));
        table.CephIsDone();
        LetGo();
    }

    /// <summary>Whoever asked waits no longer, if the request began before a time.</summary>
    public void GiveUp(long before, Func<BlockException> reason)
    {
        lock (_lock)
        {
            if (_isTold || _started >= before)
                return;
            _isTold = true;
            _target = default;
        }

        var error = reason();
        error.Offset ??= _offset;
        _awaited.SetException(error);
    }

    void IValueTaskSource.GetResult(short token)
    {
        try
        {
            _awaited.GetResult(token);
        }
        finally
        {
            _awaited.Reset();
            LetGo();
        }
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _awaited.GetStatus(token);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _awaited.OnCompleted(continuation, state, token, flags);

    private void Deliver(int bytes)
    {
        if (_target.Length == 0)
            return;
        _target.CopyFrom(new ReadOnlySpan<byte>(Data, bytes));
        _target.Slice(bytes).Clear();
    }

    private void LetGo()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
            table.Return(this);
    }
}
