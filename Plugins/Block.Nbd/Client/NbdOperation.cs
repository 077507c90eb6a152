// SPDX-License-Identifier: MIT
using System.Threading.Tasks.Sources;
using BlockHost.Block;
using BlockHost.Nbd;
using BlockHost.Remote.Requests;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>
/// A request from when it is asked for until it is answered, over as many connections as that takes. Pooled: whoever awaits it
/// gives it back with that. Its buffer is touched only between being sent and being answered, by the connection that it is on.
/// </summary>
internal sealed class NbdOperation(Action<NbdOperation> giveBack)
    : QueuedRequest, IValueTaskSource, IValueTaskSource<Extent>
{
    /// <summary>A request is over when it is sent as a whole and answered, in whichever order.</summary>
    private const int SentAndAnswered = 2;

    private ManualResetValueTaskSourceCore<bool> _awaited;
    private BlockException? _error;
    private Extent _extent;
    private int _open;

    public NbdCommand Command { get; private set; }

    public CommandFlags Flags { get; private set; }

    public long Offset { get; private set; }

    public uint Length { get; private set; }

    /// <summary>What is written, or where a read goes.</summary>
    public IoSlice Data { get; private set; }

    public ulong Cookie { get; set; }

    /// <summary>Which parts of a read have come.</summary>
    public Coverage Coverage { get; } = new();

    /// <summary>The answer to a block status request has come.</summary>
    public bool HasExtent { get; private set; }

    /// <summary>The receiver has seen its whole answer.</summary>
    public bool IsAnswered { get; set; }

    public bool HasFailed => _error is not null;

    public void Prepare(NbdCommand command, CommandFlags flags, long offset, uint length, IoSlice data) =>
        (Command, Flags, Offset, Length, Data) = (command, flags, offset, length, data);

    public ValueTask AsTask() => new(this, _awaited.Version);

    public ValueTask<Extent> AsExtentTask() => new(this, _awaited.Version);

    /// <summary>It is to be sent, perhaps again: nothing has been answered.</summary>
    public void BeginTry()
    {
        (_error, HasExtent, IsAnswered, _open) = (null, false, false, SentAndAnswered);
        Coverage.Reset(Length);
    }

    /// <summary>It has been sent as a whole, or answered. True: both.</summary>
    public bool EndHalf() => Interlocked.Decrement(ref _open) == 0;

    public void SetExtent(Extent extent) => (_extent, HasExtent) = (extent, true);

    /// <summary>The first error counts.</summary>
    public void SetError(BlockException error) => _error ??= error;

    public override void Complete()
    {
        Data = default;
        _awaited.SetResult(true);
    }

    void IValueTaskSource.GetResult(short token) => Take(token);

    Extent IValueTaskSource<Extent>.GetResult(short token) => Take(token);

    public ValueTaskSourceStatus GetStatus(short token) => _awaited.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _awaited.OnCompleted(continuation, state, token, flags);

    private Extent Take(short token)
    {
        _awaited.GetResult(token);
        var (error, extent) = (_error, _extent);
        _error = null;
        _awaited.Reset();
        giveBack(this);
        return error is null ? extent : throw error;
    }
}
