// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>From a request that has been taken to its reply.</summary>
internal sealed partial class RequestRunner
{
    /// <summary>On the loop: the backend is done with what the slot waited for.</summary>
    public void Finish(RequestSlot slot)
    {
        if (_pieces.Owns(slot))
            _pieces.FinishPiece();
        else if (slot.AsksForHoles)
            GoOnReading(slot, slot.Holes);
        else if (slot.Request.Command == NbdCommand.Read)
            FinishRead(slot);
        else
            FinishOther(slot);
    }

    private void Write(RequestSlot slot, Memory<byte> bytes)
    {
        var flags = (slot.Request.Flags & CommandFlags.Fua) != 0 ? WriteFlags.Fua : WriteFlags.None;
        var pending = _queue.WriteAsync((long)slot.Request.Offset, new IoSlice(bytes), flags);
        Settle(slot, pending);
    }

    private void BeginRead(in NbdRequest request, in ReplySpace space)
    {
        var slot = Rent(request);
        slot.Reply = space;
        var maySkipZeroes = _structured && (request.Flags & CommandFlags.DontFragment) == 0;
        if (maySkipZeroes && request.Length >= SparseReadFrom && _export.KnowsHoles)
            AskForHoles(slot);
        else
            Read(slot);
    }

    /// <summary>A large read of nothing but zeroes is worth a question: its answer is 32 bytes.</summary>
    private void AskForHoles(RequestSlot slot)
    {
        var pending = _queue.GetStatusAsync((long)slot.Request.Offset, slot.Request.Length);
        if (pending.IsCompletedSuccessfully)
            GoOnReading(slot, pending.Result);
        else
            slot.AwaitHoles(pending);
    }

    private void GoOnReading(RequestSlot slot, in ChainStatus found)
    {
        slot.AsksForHoles = false;
        if (found.Status.IsOk && (found.Flags & BlockStatusFlags.Zero) != 0 && found.Bytes >= slot.Request.Length)
            AnswerHole(slot);
        else
            Read(slot);
    }

    private void Read(RequestSlot slot) =>
        Settle(slot, _queue.ReadAsync((long)slot.Request.Offset, new IoSlice(slot.Reply.Payload)));

    private void FinishRead(RequestSlot slot)
    {
        var (request, reply, status) = (slot.Request, slot.Reply, slot.Status);
        if (request.Length > ReplyBuffer.SmallLimit)
            _largeBytes -= reply.Buffer.Capacity;
        Recycle(slot);
        if (status.IsOk)
        {
            _writer.Data(request, reply);
            return;
        }

        _replies.Cancel(reply);
        _writer.Failure(request, status);
    }

    private void AnswerHole(RequestSlot slot)
    {
        var (request, reply) = (slot.Request, slot.Reply);
        _largeBytes -= reply.Buffer.Capacity;
        Recycle(slot);
        _replies.Cancel(reply);
        _writer.Hole(request);
    }

    private void Settle(RequestSlot slot, ValueTask<IoStatus> pending)
    {
        if (!pending.IsCompletedSuccessfully)
        {
            slot.Await(pending);
            return;
        }

        slot.Status = pending.Result;
        Finish(slot);
    }

    private void BeginOther(in NbdRequest request)
    {
        var slot = Rent(request);
        if (request.Command == NbdCommand.BlockStatus)
            _largeBytes += _statusBytes;
        var pending = request.Command switch
        {
            NbdCommand.Flush => _queue.FlushAsync(),
            NbdCommand.WriteZeroes => _queue.WriteZeroesAsync((long)request.Offset, request.Length, ZeroFlagsOf(request.Flags)),
            NbdCommand.Trim when (request.Flags & CommandFlags.Fua) == 0 =>
                _queue.DiscardAsync((long)request.Offset, request.Length),
            _ => _slow.RunAsync(slot, _contexts),
        };
        Settle(slot, pending);
    }

    private static ZeroFlags ZeroFlagsOf(CommandFlags flags)
    {
        var zero = (flags & CommandFlags.NoHole) == 0 ? ZeroFlags.MayUnmap : ZeroFlags.None;
        if ((flags & CommandFlags.FastZero) != 0)
            zero |= ZeroFlags.NoFallback;
        return (flags & CommandFlags.Fua) != 0 ? zero | ZeroFlags.Fua : zero;
    }

    private void FinishOther(RequestSlot slot)
    {
        var (request, extents, status) = (slot.Request, slot.Extents, slot.Status);
        ReleaseInput(slot);
        Recycle(slot);
        if (request.Command == NbdCommand.BlockStatus)
            _largeBytes -= _statusBytes;
        if (!status.IsOk)
            _writer.Failure(request, status);
        else if (request.Command == NbdCommand.BlockStatus)
            _writer.Status(request, extents!);
        else
            _writer.Done(request);
    }

    private void ReleaseInput(RequestSlot slot)
    {
        if (slot.Input is not { } buffer)
            return;
        if (slot.Request.Length > ReceiveBuffer.SmallLimit)
            _largeBytes -= buffer.Capacity;
        buffer.Release();
    }
}
