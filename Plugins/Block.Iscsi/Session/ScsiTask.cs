// SPDX-License-Identifier: MIT
using System.Threading.Tasks.Sources;
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Scsi;
using BlockHost.Remote.Requests;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>What a command is for, which says what is done where it fails.</summary>
internal enum TaskKind
{
    /// <summary>It goes over one connection once, and whoever asked looks at how it ended.</summary>
    Bare,
    Read,
    Write,
    WriteSame,
    Unmap,
    Flush,
    Status,

    /// <summary>A user's own: nobody knows whether it may be sent twice.</summary>
    Passed,
}

/// <summary>
/// A command from when it is asked for until it is answered, over as many connections as that takes. Pooled: whoever awaits it
/// gives it back with that. Its buffer is touched only while a part of it is open, by the connection that it is on.
/// </summary>
internal sealed class ScsiTask(Action<ScsiTask> giveBack) : QueuedRequest, IValueTaskSource, IValueTaskSource<ScsiResult>
{
    private ManualResetValueTaskSourceCore<bool> _awaited;
    private BlockException? _error;
    private int _open;

    public Cdb Command { get; private set; }

    public TaskKind Kind { get; private set; }

    /// <summary>Data goes to the target; otherwise from it, where there is any.</summary>
    public bool SendsData { get; private set; }

    /// <summary>What is written, or where an answer goes.</summary>
    public IoSlice Data { get; private set; }

    /// <summary>For messages: the block.</summary>
    public long Block { get; private set; }

    public ScsiResult Result { get; set; }

    /// <summary>Connections that were lost with it.</summary>
    public int Losses { get; set; }

    /// <summary>Times that the target would not have it now.</summary>
    public int Retries { get; set; }

    public uint Tag { get; private set; }

    /// <summary>Of the request to abort it; 0: there is none.</summary>
    public uint AbortTag { get; set; }

    public uint CommandSn { get; set; }

    /// <summary>When this try, or its abort, began.</summary>
    public long Started { get; set; }

    /// <summary>The target has at least its beginning.</summary>
    public bool IsSent { get; set; }

    public bool IsAnswered { get; set; }

    /// <summary>Bytes that have come.</summary>
    public long Received { get; set; }

    /// <summary>Bytes that the target did not take, or wanted more.</summary>
    public uint Residual { get; set; }

    /// <summary>Up to where data is sent, is being sent, or will be: where the target's next request has to begin.</summary>
    public long Offered { get; set; }

    /// <summary>The target has asked for data, up to <see cref="Offered"/>, which has not begun.</summary>
    public bool IsRequested { get; set; }

    public uint RequestTag { get; set; }

    public long RequestStart { get; set; }

    public bool Changes =>
        Kind is TaskKind.Write or TaskKind.WriteSame or TaskKind.Unmap || (Kind == TaskKind.Passed && SendsData);

    /// <summary>What it writes is on the medium when it ends.</summary>
    public bool IsDurable { get; private set; }

    /// <summary>For how long the target may work on it; null: as for others.</summary>
    public TimeSpan? Timeout { get; private set; }

    /// <summary>The connection that it is bound to has nothing to do with others.</summary>
    public bool IsBare => Kind == TaskKind.Bare;

    /// <summary>
    /// All data of a read or a write has gone over. Of other commands some targets count wrong, and a status says enough.
    /// </summary>
    public bool IsWhole => Kind switch
    {
        TaskKind.Read => Residual == 0 && Received == Data.Length,
        TaskKind.Write => Residual == 0,
        _ => true,
    };

    public void Prepare(
        TaskKind kind, Cdb command, IoSlice data, bool sendsData, long block, bool isDurable, TimeSpan? timeout = null)
    {
        Timeout = timeout;
        (Kind, Command, Data, SendsData, Block) = (kind, command, data, sendsData, block);
        (IsDurable, Losses, Retries) = (isDurable, 0, 0);
    }

    public ValueTask AsTask() => new(this, _awaited.Version);

    public ValueTask<ScsiResult> AsResultTask() => new(this, _awaited.Version);

    /// <summary>It is to be sent, perhaps again: two parts are open, sending it and being answered.</summary>
    public void BeginTry(uint tag, long now)
    {
        (Tag, AbortTag, Started, IsSent, IsAnswered, _open) = (tag, 0, now, false, false, 2);
        (Received, Residual, Offered, IsRequested, Result, _error) = (0, 0, 0, false, default, null);
    }

    /// <summary>Data that the target has asked for is a part too.</summary>
    public void BeginPart() => Interlocked.Increment(ref _open);

    /// <summary>True: nothing is open any more.</summary>
    public bool EndPart() => Interlocked.Decrement(ref _open) == 0;

    public bool HasFailed => _error is not null;

    public void SetError(BlockException error) => _error = error;

    public override void Complete()
    {
        Data = default;
        _awaited.SetResult(true);
    }

    void IValueTaskSource.GetResult(short token) => Take(token);

    ScsiResult IValueTaskSource<ScsiResult>.GetResult(short token) => Take(token);

    public ValueTaskSourceStatus GetStatus(short token) => _awaited.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _awaited.OnCompleted(continuation, state, token, flags);

    private ScsiResult Take(short token)
    {
        _awaited.GetResult(token);
        var (error, result) = (_error, Result);
        (_error, Result) = (null, default);
        _awaited.Reset();
        giveBack(this);
        return error is null ? result : throw error;
    }
}
