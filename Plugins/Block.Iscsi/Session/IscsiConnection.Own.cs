// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Iscsi.Protocol;
using BlockHost.Plugins.Block.Iscsi.Scsi;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>
/// What is said beside commands: signs of life, aborts, the goodbye. All of it is "immediate": it takes no number of a command,
/// and waits for no window.
/// </summary>
internal sealed partial class IscsiConnection
{
    /// <summary>A target that asks faster than answers can be sent is not served.</summary>
    private const int MostControls = 64;

    /// <summary>As QEMU's driver: asked every five seconds, and given up when three times have brought nothing.</summary>
    public static readonly TimeSpan PingInterval = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan LongestSilence = PingInterval * 4;

    private static readonly TimeSpan GoodbyePatience = TimeSpan.FromSeconds(2);

    private readonly Queue<byte[]> _controls = new();
    private long _heard;
    private long _pinged;
    private long _busySince;
    private uint _pingTag;
    private uint _ownTag;
    private TaskCompletionSource<byte>? _ownRequest;
    private uint _ownRequestTag;

    /// <summary>Task management (11.5.1).</summary>
    private enum TaskFunction : byte
    {
        AbortTask = 1,
        LogicalUnitReset = 5,
    }

    /// <summary>
    /// Under the gate: somebody waits, and nothing has come for too long. A target that left a ping without an answer before that
    /// is not waited for again.
    /// </summary>
    private bool IsSilent
    {
        get
        {
            if (_freeSlots.Count == MaxInFlight)
                return false;
            var longest = _pingTag != 0 && _pinged < _busySince ? PingInterval : LongestSilence;
            return _clock.GetElapsedTime(Math.Max(Volatile.Read(ref _heard), _busySince)) > longest;
        }
    }

    /// <summary>Now and then: asks whether the target is there, and looks after commands that take too long.</summary>
    public void Tick(TimeSpan commandTimeout, bool limitsFlushes)
    {
        BlockException? reason;
        lock (_owner.Gate)
        {
            if (_isLost)
                return;
            reason = IsSilent
                ? new BlockException(BlockErrorKind.Io, "iSCSI: NOP timeout. Reconnecting...", Errno.ETIMEDOUT)
                : AbortOld(commandTimeout, limitsFlushes);
            if (reason is null && _pingTag == 0 && _clock.GetElapsedTime(_pinged) >= PingInterval)
                Ping();
        }

        if (reason is not null)
            Break(reason);
        else
            Flush();
    }

    /// <summary>
    /// Ends what the target, and others at it, may still be doing to the disk. Other initiators' commands end too; they are told,
    /// and try again.
    /// </summary>
    /// <exception cref="BlockException">The target refuses, or is gone.</exception>
    public async ValueTask ResetLunAsync()
    {
        var response = await AskAsync(tag => Management(TaskFunction.LogicalUnitReset, tag)).ConfigureAwait(false);
        if (response != 0)
            throw new BlockException(BlockErrorKind.Io, $"The target does not reset the LUN (response {response})");
    }

    /// <summary>Nothing is in flight: says goodbye and closes.</summary>
    public async ValueTask CloseAsync(BlockException reason)
    {
        try
        {
            // A target that is in no mood to answer is not waited for.
            await AskAsync(Goodbye).AsTask().WaitAsync(GoodbyePatience, _clock).ConfigureAwait(false);
        }
        catch (Exception e) when (e is BlockException or TimeoutException)
        {
            // It is gone already.
        }

        Break(reason);
        await WhenEnded.ConfigureAwait(false);
    }

    private async ValueTask<byte> AskAsync(Func<uint, byte[]> request)
    {
        var answer = new TaskCompletionSource<byte>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_owner.Gate)
        {
            if (_isLost)
                throw Refusal();
            (_ownRequest, _ownRequestTag) = (answer, NewTag());
            _controls.Enqueue(request(_ownRequestTag));
        }

        Flush();
        return await answer.Task.ConfigureAwait(false);
    }

    /// <summary>Under the gate. A command that has had its time is aborted; an abort gets as long.</summary>
    /// <returns>Why the connection has to end; null: it has not.</returns>
    private BlockException? AbortOld(TimeSpan timeout, bool limitsFlushes)
    {
        foreach (var task in _inFlight)
        {
            if (task is not { IsAnswered: false } || (task.Kind == TaskKind.Flush && !limitsFlushes))
                continue;
            var limit = task.Timeout ?? timeout;
            if (limit == TimeSpan.Zero || _clock.GetElapsedTime(task.Started) <= limit)
                continue;
            if (!task.IsSent)
                return new BlockException(BlockErrorKind.Io, "The target takes no commands any more", Errno.ETIMEDOUT);
            if (task.AbortTag != 0)
                return new BlockException(BlockErrorKind.Io, "The target does not abort a command", Errno.ETIMEDOUT);
            (task.AbortTag, task.Started) = (NewTag(), _clock.GetTimestamp());
            _controls.Enqueue(Management(TaskFunction.AbortTask, task.AbortTag, task));
        }

        return null;
    }

    /// <summary>A response to an abort, a reset or a logout: 2 response.</summary>
    private void TakeOwnAnswer(Header header)
    {
        var (response, tag) = (header.Bytes[2], header.Tag);
        if (_ownRequest is { } request && tag == _ownRequestTag)
        {
            request.TrySetResult(response);
            return;
        }

        const byte complete = 0, noSuchTask = 1;
        ScsiTask? aborted;
        lock (_owner.Gate)
        {
            if (tag <= OwnTags || tag > (OwnTags | _ownTag))
                throw Malformed("an answer to nothing");
            aborted = Array.Find(_inFlight, task => task is { IsAnswered: false } && task.AbortTag == tag);
            // The command was faster than its abort.
            if (aborted is null)
                return;
        }

        if (response is not (complete or noSuchTask))
            throw new BlockException(BlockErrorKind.Io, $"The target does not abort a command (response {response})");
        // From here on nothing of it comes any more, and nothing of it happens (11.6.1).
        Answer(aborted, new ScsiResult(ScsiResult.TimedOut, 0, default));
    }

    /// <summary>A ping's answer, or one of the target's own, which has a tag to answer by.</summary>
    private void TakeNop(Header header)
    {
        if (header.Tag != Header.NoTag)
        {
            TakeStatus(header);
            if (header.Tag != _pingTag)
                throw Malformed("an answer to no ping");
            _pingTag = 0;
            return;
        }

        if (header[20] == Header.NoTag)
            return;
        var reply = new byte[Header.Length];
        var nop = Header.Start(reply, Opcode.NopOut, PduFlags.Final, isImmediate: true);
        header.Bytes.Slice(8, 8).CopyTo(nop.Bytes[8..]);
        (nop.Tag, nop[20]) = (Header.NoTag, header[20]);
        lock (_owner.Gate)
        {
            if (_controls.Count >= MostControls)
                throw Malformed("it pings faster than it reads the answers");
            _controls.Enqueue(reply);
        }
    }

    /// <summary>Under the gate.</summary>
    private void Ping()
    {
        var ping = new byte[Header.Length];
        var nop = Header.Start(ping, Opcode.NopOut, PduFlags.Final, isImmediate: true);
        (nop.Tag, nop[20]) = (_pingTag = NewTag(), Header.NoTag);
        _pinged = _clock.GetTimestamp();
        _controls.Enqueue(ping);
    }

    private byte[] Management(TaskFunction function, uint tag, ScsiTask? task = null)
    {
        var request = new byte[Header.Length];
        var header = Header.Start(
            request, Opcode.TaskManagement, (byte)(PduFlags.Final | (byte)function), isImmediate: true);
        header.SetLun(_lun);
        header.Tag = tag;
        header[20] = task?.Tag ?? Header.NoTag;
        header[32] = task?.CommandSn ?? 0;
        return request;
    }

    private static byte[] Goodbye(uint tag)
    {
        var request = new byte[Header.Length];
        var header = Header.Start(request, Opcode.Logout, PduFlags.Final, isImmediate: true);
        header.Tag = tag;
        return request;
    }

    /// <summary>Under the gate: with the numbers of the moment.</summary>
    private int WriteControl(Span<byte> target, byte[] control)
    {
        control.CopyTo(target);
        var header = new Header(target[..Header.Length]);
        header[24] = _commandSn;
        header[28] = Volatile.Read(ref _statSn);
        return WriteHeaderDigest(target);
    }

    private uint NewTag() => OwnTags | ++_ownTag;
}
