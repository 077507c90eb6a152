// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// Carries out a large read or write in pieces that need no memory of their own, one at a time and with nothing beside
/// it: slower, but a client gets on however much memory the others hold.
/// </summary>
/// <param name="settle">Waits for a piece; <see cref="FinishPiece"/> comes next.</param>
/// <param name="finished">The request has been answered, or given up.</param>
internal sealed class PiecewiseTransfer(
    IBlockQueue queue, ReceiveBuffer input, ReplyBuffer replies, SendQueue output, ReplyWriter writer, bool structured,
    Action<RequestSlot, ValueTask<IoStatus>> settle, Action<RequestSlot> finished)
{
    private const uint PieceBytes = ReplyBuffer.SmallLimit;

    /// <summary>No further piece is read while more than this is unsent.</summary>
    private const long MaxUnsent = 256 << 10;

    private RequestSlot? _slot;
    private uint _done;
    private uint _piece;
    private bool _pieceRuns;
    private bool _abandoned;
    private IoStatus _status;

    /// <summary>Power of two at which direct I/O wants the data.</summary>
    public int PayloadAlignment { get; init; } = 1;

    public bool IsActive => _slot is not null;

    /// <summary>The payload of the next piece is to come.</summary>
    public bool WantsInput => _slot is { Request.HasPayload: true } && !_pieceRuns;

    /// <summary>Each piece of a read can be a chunk of its own, and an error another one.</summary>
    private bool InChunks => structured && (_slot!.Request.Flags & CommandFlags.DontFragment) == 0;

    private uint Left => _slot!.Request.Length - _done;

    public void Begin(RequestSlot slot)
    {
        _slot = slot;
        _done = 0;
        _status = IoStatus.Ok;
    }

    public bool Owns(RequestSlot slot) => ReferenceEquals(_slot, slot);

    /// <summary>Takes the next step, as far as one can be taken now.</summary>
    public TakeResult Advance()
    {
        if (_pieceRuns)
            return TakeResult.Waiting;
        return _slot!.Request.HasPayload ? AdvanceWrite() : AdvanceRead();
    }

    public void FinishPiece()
    {
        var slot = _slot!;
        _pieceRuns = false;
        if (slot.Request.HasPayload)
            FinishWrite(slot);
        else
            FinishRead(slot);
        if (_abandoned)
            End();
    }

    /// <summary>The connection ends: what runs completes for nobody.</summary>
    public void Abandon()
    {
        _abandoned = true;
        if (IsActive && !_pieceRuns)
            End();
    }

    private TakeResult AdvanceRead()
    {
        if (!_status.IsOk)
            return FailRead();
        if (Left == 0)
            return End();
        if (output.Pending >= MaxUnsent)
            return TakeResult.Waiting;
        var slot = _slot!;
        var headerLength = InChunks || _done == 0 ? writer.DataHeaderLength : 0;
        slot.Reply = replies.Reserve(headerLength, (int)NextPiece(), PayloadAlignment);
        settle(slot, queue.ReadAsync((long)(slot.Request.Offset + _done), new IoSlice(slot.Reply.Payload)));
        return TakeResult.Taken;
    }

    private void FinishRead(RequestSlot slot)
    {
        var reply = slot.Reply;
        if (!slot.Status.IsOk)
        {
            replies.Cancel(reply);
            _status = slot.Status;
            return;
        }

        var request = slot.Request;
        if (InChunks)
            ReplyEncoder.DataChunk(reply.Header, request.Cookie, request.Offset + _done, (int)_piece, last: _piece == Left);
        else if (_done == 0)
            writer.DataHeader(request, reply.Header);
        _done += _piece;
        writer.Queue(reply, reply.Length);
    }

    /// <summary>Where success has been announced already, only the end of the connection can take it back.</summary>
    private TakeResult FailRead()
    {
        if (!InChunks && _done > 0)
        {
            End();
            return TakeResult.Goodbye;
        }

        writer.Failure(_slot!.Request, _status);
        return End();
    }

    private TakeResult AdvanceWrite()
    {
        var slot = _slot!;
        if (Left == 0)
            return AnswerWrite(slot);
        if (input.Available < Math.Min(Left, PieceBytes))
            return TakeResult.Waiting;
        var n = (int)NextPiece();
        if (!_status.IsOk)
        {
            // The rest of the payload has to be taken all the same.
            _pieceRuns = false;
            input.Skip(n);
            _done += _piece;
            return TakeResult.Taken;
        }

        (slot.Input, var bytes) = input.Take(n);
        var flags = (slot.Request.Flags & CommandFlags.Fua) != 0 ? WriteFlags.Fua : WriteFlags.None;
        settle(slot, queue.WriteAsync((long)(slot.Request.Offset + _done), new IoSlice(bytes), flags));
        return TakeResult.Taken;
    }

    private void FinishWrite(RequestSlot slot)
    {
        slot.Input!.Release();
        slot.Input = null;
        if (!slot.Status.IsOk)
            _status = slot.Status;
        _done += _piece;
    }

    private TakeResult AnswerWrite(RequestSlot slot)
    {
        if (_status.IsOk)
            writer.Done(slot.Request);
        else
            writer.Failure(slot.Request, _status);
        return End();
    }

    private uint NextPiece()
    {
        _pieceRuns = true;
        return _piece = Math.Min(Left, PieceBytes);
    }

    private TakeResult End()
    {
        var slot = _slot!;
        _slot = null;
        finished(slot);
        return TakeResult.Taken;
    }
}
