// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using System.Text;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Plugins.Export.Nbd.Server;

internal enum TakeResult
{
    Taken,

    /// <summary>No complete request is there, or too much is in flight.</summary>
    Waiting,

    /// <summary>The client said goodbye, or something after which the stream cannot be understood.</summary>
    Goodbye,
}

/// <summary>
/// The transmission phase of one connection: takes requests from the received bytes, runs them on the export's
/// backend, and queues the replies. A request that completes at once is answered without leaving the loop.
/// </summary>
internal sealed class RequestRunner
{
    private const int MaxInFlight = 128;

    /// <summary>Reads this large may be answered as a hole.</summary>
    private const uint SparseReadFrom = 128 << 10;

    /// <summary>Memory of large requests in flight or unsent; one request of the largest size always fits.</summary>
    private const long MaxLargeBytes = 64L << 20;

    private readonly NbdExport _export;
    private readonly ReceiveBuffer _input;
    private readonly ReplyBuffer _replies;
    private readonly SendQueue _output;
    private readonly Action _afterReply;
    private readonly Stack<RequestSlot> _free = new(MaxInFlight);
    private readonly NbdConnection _connection;
    private readonly bool _structured;
    private readonly ImmutableSortedSet<uint> _contexts;
    private readonly int _memoryAlignment;
    private readonly IBlockQueue _queue;
    private readonly SlowRequests _slow;
    private RequestSlot? _receiving;
    private int _discard;
    private long _largeBytes;

    public RequestRunner(
        NbdConnection connection, NbdExport export, OptionHaggler agreed, ReceiveBuffer input, ReplyBuffer replies, SendQueue output, Action afterReply)
    {
        _connection = connection;
        _export = export;
        _input = input;
        _replies = replies;
        _output = output;
        _afterReply = afterReply;
        _structured = agreed.StructuredReplies;
        _contexts = agreed.Contexts;
        _memoryAlignment = Math.Max(1, export.Backend.Profile.Limits.MemoryAlignment);
        _queue = export.Backend.OpenQueue();
        _slow = new SlowRequests(export);
    }

    /// <summary>Requests begun and not yet answered.</summary>
    public int InFlight { get; private set; }

    public bool IsFull => InFlight >= MaxInFlight || _largeBytes >= MaxLargeBytes;

    /// <summary>Takes the next request, or the rest of one whose payload was not complete.</summary>
    public TakeResult TakeNext()
    {
        if (_receiving is not null)
            return TakePayload();
        if (IsFull || _input.Available < Wire.RequestLength)
            return TakeResult.Waiting;
        if (!NbdRequest.TryParse(_input.Unread, out var request))
            return Unintelligible(request);
        if (request.Command == NbdCommand.Disconnect)
            return TakeResult.Goodbye;
        if (request.HasPayload && request.Length > Wire.MaxPayload)
            return RefuseUnread(request);
        if (request.HasPayload && request.Length <= ReceiveBuffer.SmallLimit && _input.Available < Wire.RequestLength + (int)request.Length)
            return TakeResult.Waiting;
        _input.Skip(Wire.RequestLength);
        Begin(request);
        return TakeResult.Taken;
    }

    /// <summary>On the loop: the backend is done with what the slot waited for.</summary>
    public void Finish(RequestSlot slot)
    {
        if (slot.AsksForHoles)
            GoOnReading(slot, slot.Holes);
        else if (slot.Request.Command == NbdCommand.Read)
            FinishRead(slot);
        else
            FinishOther(slot);
    }

    /// <summary>Gives up a request whose payload will not be complete.</summary>
    public void Abandon()
    {
        if (_receiving is { } slot)
            Recycle(slot);
        _receiving = null;
    }

    /// <summary>Nothing is in flight any more.</summary>
    public void Close()
    {
        _ = CloseQueuesAsync();
        _export.Detach(_connection);
    }

    private async Task CloseQueuesAsync()
    {
        await _queue.DisposeAsync().ConfigureAwait(false);
        await _slow.DisposeAsync().ConfigureAwait(false);
    }

    private TakeResult Unintelligible(in NbdRequest request)
    {
        Refuse(request, new(NbdError.Invalid, "invalid magic"));
        return TakeResult.Goodbye;
    }

    /// <summary>A payload too long to be even thrown away: the client gets its error, and no more.</summary>
    private TakeResult RefuseUnread(in NbdRequest request)
    {
        Refuse(request, new(NbdError.Invalid, $"len ({request.Length}) is larger than max len ({Wire.MaxPayload})"));
        return TakeResult.Goodbye;
    }

    private void Begin(in NbdRequest request)
    {
        var refusal = RequestRules.Check(request, new(_export.Size, _export.ReadOnly, _structured, !_contexts.IsEmpty));
        if (request.HasPayload)
            BeginWrite(request, refusal);
        else if (refusal is { } reason)
            Refuse(request, reason);
        else if (request.Command == NbdCommand.Read)
            BeginRead(request);
        else
            BeginOther(request);
    }

    private void BeginWrite(in NbdRequest request, Refusal? refusal)
    {
        var length = (int)request.Length;
        if (refusal is { } reason)
        {
            _discard = length;
            _receiving = Rent(request);
            _receiving.Refusal = reason;
        }
        else if (length > ReceiveBuffer.SmallLimit)
        {
            _receiving = Rent(request);
            _input.BeginLarge(length);
        }
        else
        {
            var slot = Rent(request);
            (slot.Input, var bytes) = length == 0 ? (null, default) : _input.Take(length);
            Write(slot, bytes);
        }
    }

    private TakeResult TakePayload()
    {
        var slot = _receiving!;
        if (slot.Refusal is { } refusal)
            return Discard(slot, refusal);
        if (!_input.LargeComplete)
            return TakeResult.Waiting;
        _receiving = null;
        (slot.Input, var bytes) = _input.TakeLarge();
        _largeBytes += slot.Input.Capacity;
        Write(slot, bytes);
        return TakeResult.Taken;
    }

    /// <summary>Answers only after the payload: a client that is still sending need not be able to read yet.</summary>
    private TakeResult Discard(RequestSlot slot, in Refusal refusal)
    {
        var n = Math.Min(_discard, _input.Available);
        _input.Skip(n);
        _discard -= n;
        if (_discard > 0)
            return TakeResult.Waiting;
        _receiving = null;
        var request = slot.Request;
        Recycle(slot);
        Refuse(request, refusal);
        return TakeResult.Taken;
    }

    private void Write(RequestSlot slot, Memory<byte> bytes)
    {
        var flags = (slot.Request.Flags & CommandFlags.Fua) != 0 ? WriteFlags.Fua : WriteFlags.None;
        var pending = _queue.WriteAsync((long)slot.Request.Offset, new IoSlice(bytes), flags);
        Settle(slot, pending);
    }

    private void BeginRead(in NbdRequest request)
    {
        var slot = Rent(request);
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

    private void Read(RequestSlot slot)
    {
        var length = (int)slot.Request.Length;
        var header = _structured ? Wire.DataChunkHeaderLength : Wire.SimpleReplyLength;
        slot.Reply = _replies.Reserve(header, length, _memoryAlignment);
        if (length > ReplyBuffer.SmallLimit)
            _largeBytes += slot.Reply.Buffer.Capacity;
        Settle(slot, _queue.ReadAsync((long)slot.Request.Offset, new IoSlice(slot.Reply.Payload)));
    }

    private void FinishRead(RequestSlot slot)
    {
        var (request, reply, status) = (slot.Request, slot.Reply, slot.Status);
        if (request.Length > ReplyBuffer.SmallLimit)
            _largeBytes -= reply.Buffer.Capacity;
        Recycle(slot);
        if (!status.IsOk)
        {
            _replies.Cancel(reply);
            Refuse(request, Failure(request, status));
            return;
        }

        if (!_structured)
            ReplyEncoder.Simple(reply.Header, NbdError.None, request.Cookie);
        else if (request.Length > 0)
            ReplyEncoder.DataChunk(reply.Header, request.Cookie, request.Offset, (int)request.Length);
        else
            ReplyEncoder.Chunk(reply.Header, ChunkFlags.Done, ChunkType.None, request.Cookie, 0);
        Queue(reply, request.Length == 0 && _structured ? Wire.ChunkHeaderLength : reply.Length);
    }

    private void AnswerHole(RequestSlot slot)
    {
        var request = slot.Request;
        Recycle(slot);
        var space = _replies.Reserve(ReplyEncoder.HoleChunkLength, 0);
        ReplyEncoder.HoleChunk(space.Header, request.Cookie, request.Offset, request.Length);
        Queue(space, space.Length);
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
        var pending = request.Command switch
        {
            NbdCommand.Flush => _queue.FlushAsync(),
            NbdCommand.WriteZeroes => _queue.WriteZeroesAsync((long)request.Offset, request.Length, ZeroFlagsOf(request.Flags)),
            NbdCommand.Trim when (request.Flags & CommandFlags.Fua) == 0 => _queue.DiscardAsync((long)request.Offset, request.Length),
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
        if (!status.IsOk)
            Refuse(request, Failure(request, status));
        else if (request.Command == NbdCommand.BlockStatus)
            AnswerStatus(request, extents!);
        else
            AnswerSimple(request, NbdError.None);
    }

    private void AnswerSimple(in NbdRequest request, NbdError error)
    {
        var space = _replies.Reserve(Wire.SimpleReplyLength, 0);
        ReplyEncoder.Simple(space.Header, error, request.Cookie);
        Queue(space, space.Length);
    }

    private void AnswerStatus(in NbdRequest request, StatusAnswer answer)
    {
        var lists = answer.Lists;
        for (var i = 0; i < lists.Count; i++)
        {
            var (context, extents) = lists[i];
            var space = _replies.Reserve(ReplyEncoder.StatusChunkLength(extents.Count), 0);
            ReplyEncoder.StatusChunk(space.Header, last: i == lists.Count - 1, request.Cookie, context, extents);
            Queue(space, space.Length);
        }
    }

    private void Refuse(in NbdRequest request, in Refusal refusal)
    {
        if (!_structured)
        {
            AnswerSimple(request, refusal.Error);
            return;
        }

        var message = Encoding.UTF8.GetBytes(refusal.Message);
        var space = _replies.Reserve(ReplyEncoder.ErrorChunkLength(message), 0);
        ReplyEncoder.ErrorChunk(space.Header, refusal.Error, request.Cookie, message);
        Queue(space, space.Length);
    }

    private static Refusal Failure(in NbdRequest request, IoStatus status)
    {
        var what = request.Command switch
        {
            NbdCommand.Read => "reading from file failed",
            NbdCommand.Write => "writing to file failed",
            NbdCommand.Flush => "flush failed",
            NbdCommand.Trim => "discard failed",
            NbdCommand.Cache => "caching data failed",
            NbdCommand.WriteZeroes => "writing to file failed",
            _ => "can't get block status",
        };
        return new(NbdErrors.FromErrno(status.Errno), what);
    }

    private void Queue(in ReplySpace space, int length)
    {
        _output.Append(space.Buffer, space.Start, length);
        _afterReply();
    }

    private void ReleaseInput(RequestSlot slot)
    {
        if (slot.Input is not { } buffer)
            return;
        if (slot.Request.Length > ReceiveBuffer.SmallLimit)
            _largeBytes -= buffer.Capacity;
        buffer.Release();
    }

    private RequestSlot Rent(in NbdRequest request)
    {
        if (!_free.TryPop(out var slot))
            slot = new RequestSlot(_connection);
        slot.Request = request;
        InFlight++;
        return slot;
    }

    private void Recycle(RequestSlot slot)
    {
        slot.Reset();
        InFlight--;
        _free.Push(slot);
    }
}
