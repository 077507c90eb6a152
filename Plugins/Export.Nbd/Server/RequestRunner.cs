// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Nbd;
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
internal sealed partial class RequestRunner
{
    private const int MaxInFlight = 128;

    /// <summary>Reads this large may be answered as a hole.</summary>
    private const uint SparseReadFrom = 128 << 10;

    /// <summary>While requests in flight hold more than this in large buffers, no other is begun.</summary>
    private const long MaxLargeBytes = 32L << 20;

    private readonly NbdExport _export;
    private readonly BufferPool _buffers;
    private readonly ReceiveBuffer _input;
    private readonly ReplyBuffer _replies;
    private readonly SendQueue _output;
    private readonly ReplyWriter _writer;
    private readonly Stack<RequestSlot> _free = new(MaxInFlight);
    private readonly NbdConnection _connection;
    private readonly bool _structured;
    private readonly ImmutableSortedSet<uint> _contexts;
    private readonly int _memoryAlignment;
    private readonly int _statusBytes;
    private readonly IBlockQueue _queue;
    private readonly SlowRequests _slow;
    private readonly PiecewiseTransfer _pieces;
    private RequestSlot? _receiving;
    private int _discard;
    private long _largeBytes;

    public RequestRunner(
        NbdConnection connection,
        NbdExport export,
        OptionHaggler agreed,
        ReceiveBuffer input,
        ReplyBuffer replies,
        SendQueue output,
        Action afterReply)
    {
        _connection = connection;
        _export = export;
        _buffers = connection.Loop.Buffers;
        _input = input;
        _replies = replies;
        _output = output;
        _structured = agreed.StructuredReplies;
        _contexts = agreed.Contexts;
        _statusBytes = _contexts.Count * ReplyEncoder.StatusChunkLength(SlowRequests.MaxExtents);
        _memoryAlignment = Math.Max(1, export.Backend.Profile.Limits.MemoryAlignment);
        _queue = export.Backend.OpenQueue();
        _slow = new SlowRequests(export);
        _writer = new ReplyWriter(replies, output, _structured, afterReply);
        _pieces = new PiecewiseTransfer(_queue, input, replies, output, _writer, _structured, Settle, Recycle)
        { PayloadAlignment = _memoryAlignment };
    }

    /// <summary>Requests begun and not yet answered.</summary>
    public int InFlight { get; private set; }

    /// <summary>
    /// The next request waits for memory, which this connection's own end of work will bring: either it gets some
    /// then, or it does without.
    /// </summary>
    public bool WaitsForMemory { get; private set; }

    /// <summary>What has been received cannot be taken without more of it.</summary>
    public bool WantsInput => _receiving is not null || (_pieces.IsActive ? _pieces.WantsInput : !IsFull && !WaitsForMemory);

    /// <summary>Grows with the work done, by one for each request and 8 KiB.</summary>
    public long Work { get; private set; }

    private bool IsFull => InFlight >= MaxInFlight || _largeBytes >= MaxLargeBytes;

    private bool IsBusy => InFlight > 0 || _output.Pending > 0;

    /// <summary>Takes the next request, or the rest of one whose payload was not complete.</summary>
    public TakeResult TakeNext()
    {
        WaitsForMemory = false;
        if (_receiving is not null)
            return TakePayload();
        if (_pieces.IsActive)
            return Counted(_pieces.Advance(), ReplyBuffer.SmallLimit);
        if (IsFull || _input.Available < Wire.RequestLength)
            return TakeResult.Waiting;
        if (!NbdRequest.TryParse(_input.Unread, out var request))
            return Unintelligible(request);
        if (request.Command == NbdCommand.Disconnect)
            return TakeResult.Goodbye;
        if (request.HasPayload && request.Length > Wire.MaxPayload)
            return RefuseUnread(request);
        if (request.HasPayload && request.Length <= ReceiveBuffer.SmallLimit
            && _input.Available < Wire.RequestLength + (int)request.Length)
            return TakeResult.Waiting;
        if (_buffers.IsShort && IsBusy)
            return WaitForMemory();
        return Counted(Begin(request), request.Command is NbdCommand.Read or NbdCommand.Write ? request.Length : 0);
    }

    /// <summary>Gives up a request whose payload will not be complete, or whose pieces have not all been carried out.</summary>
    public void Abandon()
    {
        if (_receiving is { } slot)
            Recycle(slot);
        _receiving = null;
        _pieces.Abandon();
    }

    /// <summary>Nothing is in flight any more.</summary>
    public void Close() => _ = CloseQueuesAsync();

    private async Task CloseQueuesAsync()
    {
        await _queue.DisposeAsync().ConfigureAwait(false);
        await _slow.DisposeAsync().ConfigureAwait(false);
    }

    private TakeResult Counted(TakeResult result, uint bytes)
    {
        Work += 1 + (bytes >> 13);
        return result;
    }

    private TakeResult WaitForMemory()
    {
        WaitsForMemory = true;
        return TakeResult.Waiting;
    }

    private TakeResult Unintelligible(in NbdRequest request)
    {
        _writer.Refuse(request, new(NbdError.Invalid, "invalid magic"));
        return TakeResult.Goodbye;
    }

    /// <summary>A payload too long to be even thrown away: the client gets its error, and no more.</summary>
    private TakeResult RefuseUnread(in NbdRequest request)
    {
        _writer.Refuse(request, new(NbdError.Invalid, $"len ({request.Length}) is larger than max len ({Wire.MaxPayload})"));
        return TakeResult.Goodbye;
    }

    private TakeResult Begin(in NbdRequest request)
    {
        var refusal = RequestRules.Check(request, new(_export.Size, _export.ReadOnly, _structured, !_contexts.IsEmpty));
        if (refusal is null && request.Length > ReplyBuffer.SmallLimit && request.Command is NbdCommand.Read or NbdCommand.Write)
            return BeginLarge(request);
        _input.Skip(Wire.RequestLength);
        if (request.HasPayload)
            BeginWrite(request, refusal);
        else if (refusal is { } reason)
            _writer.Refuse(request, reason);
        else if (request.Command == NbdCommand.Read)
            BeginRead(request, _replies.Reserve(_writer.DataHeaderLength, (int)request.Length, _memoryAlignment));
        else
            BeginOther(request);
        return TakeResult.Taken;
    }

    /// <summary>Without memory for all of it, a request waits until it is alone, and then does without.</summary>
    private TakeResult BeginLarge(in NbdRequest request)
    {
        if (request.HasPayload ? TryBeginLargeWrite(request) : TryBeginLargeRead(request))
            return TakeResult.Taken;
        if (IsBusy)
            return WaitForMemory();
        _input.Skip(Wire.RequestLength);
        _pieces.Begin(Rent(request));
        return TakeResult.Taken;
    }

    private bool TryBeginLargeWrite(in NbdRequest request)
    {
        if (!_buffers.TryRent((int)request.Length, out var buffer))
            return false;
        _input.Skip(Wire.RequestLength);
        _receiving = Rent(request);
        _largeBytes += buffer.Capacity;
        _input.BeginLarge(buffer, (int)request.Length);
        return true;
    }

    private bool TryBeginLargeRead(in NbdRequest request)
    {
        if (!_replies.TryReserveLarge(_writer.DataHeaderLength, (int)request.Length, _memoryAlignment, out var space))
            return false;
        _input.Skip(Wire.RequestLength);
        _largeBytes += space.Buffer.Capacity;
        BeginRead(request, space);
        return true;
    }

    private void BeginWrite(in NbdRequest request, Refusal? refusal)
    {
        var length = (int)request.Length;
        var slot = Rent(request);
        if (refusal is not null)
        {
            _discard = length;
            slot.Refusal = refusal;
            _receiving = slot;
            return;
        }

        (slot.Input, var bytes) = length == 0 ? (null, default) : _input.Take(length);
        Write(slot, bytes);
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
        _writer.Refuse(request, refusal);
        return TakeResult.Taken;
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
