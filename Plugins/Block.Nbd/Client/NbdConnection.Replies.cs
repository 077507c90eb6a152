// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Block;
using BlockHost.Nbd;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>
/// Replies as they come, piece by piece (<see cref="ReplyEncoder"/> shows their layout). Nothing of what is read is believed.
/// <code>
///   Head ─┬─► Payload, complete in the buffer ─┬────────────► Head     once it is the last of its request: answered
///         └──────────────────► Data, where it goes ─────────► Head
/// </code>
/// </summary>
internal sealed partial class NbdConnection
{
    private const int MaxErrorLength = 8 << 10;
    private const int HolePayload = sizeof(ulong) + sizeof(uint);
    private const int ExtentLength = 2 * sizeof(uint);
    private const int ErrorPayload = sizeof(uint) + sizeof(ushort);

    private Stage _stage;

    // Bytes of the piece that comes next; it is taken when they are there.
    private int _needed = sizeof(uint);
    private ReplyHeader _head;
    private NbdOperation? _current;

    // What is left of a read's data that is coming.
    private IoSlice _data;

    private enum Stage
    {
        Head,
        Payload,
        Data,
    }

    /// <summary>Takes all that is complete.</summary>
    private void TakeReplies()
    {
        while (TryTakePiece())
        {
        }
    }

    private bool TryTakePiece()
    {
        if (_stage == Stage.Data)
            return TryTakeData();
        if (_end - _start < _needed)
            return false;
        if (_stage == Stage.Head)
            TakeHead();
        else
            TakePayload(_current!, Received[.._needed]);
        return true;
    }

    private void TakeHead()
    {
        var magic = BinaryPrimitives.ReadUInt32BigEndian(Received);
        var length = ReplyHeader.LengthOf(magic);
        if (length == 0)
            throw NbdFaults.Protocol($"invalid magic (got 0x{magic:x})");
        if (_needed < length)
        {
            _needed = length;
            return;
        }

        _head = ReplyHeader.Parse(Received);
        _start += length;
        _current = Find(_head.Cookie);
        if (_head.IsStructured)
            BeginChunk(_current);
        else
            TakeSimple(_current);
    }

    private NbdOperation Find(ulong cookie)
    {
        var slot = (uint)cookie;
        // Entries change under the gate; one whose cookie fits has been sent and is changed by the receiver only.
        var operation = slot < MaxInFlight ? Volatile.Read(ref _inFlight[slot]) : null;
        if (operation is null || operation.Cookie != cookie || operation.IsAnswered)
            throw NbdFaults.Protocol($"a reply to no request (cookie 0x{cookie:x})");
        return operation;
    }

    private void TakeSimple(NbdOperation operation)
    {
        if (Session.StructuredReplies && operation.Command is NbdCommand.Read or NbdCommand.BlockStatus)
            throw NbdFaults.Protocol("simple reply when structured reply chunk was expected");
        if (_head.Error != NbdError.None)
            operation.SetError(NbdFaults.Of(operation, _head.Error, ""));
        else if (operation.Command == NbdCommand.Read)
        {
            BeginData(operation, 0, operation.Length);
            return;
        }

        EndPiece(operation);
    }

    private void BeginChunk(NbdOperation operation)
    {
        if (!Session.StructuredReplies)
            throw NbdFaults.Protocol("structured reply, which was not negotiated");
        _needed = PayloadOf(operation);
        _stage = Stage.Payload;
    }

    /// <summary>How much of a chunk's payload comes into the buffer: all of it, but for the data of a read.</summary>
    private int PayloadOf(NbdOperation operation)
    {
        var length = _head.Length;
        var isRead = operation.Command == NbdCommand.Read;
        return _head.Type switch
        {
            _ when ((ushort)_head.Type & Wire.ChunkErrorBit) != 0 => length is >= ErrorPayload and <= MaxErrorLength
                ? (int)length : throw NbdFaults.Protocol("invalid payload for NBD_REPLY_TYPE_ERROR*"),
            ChunkType.None when !_head.IsLast =>
                throw NbdFaults.Protocol("NBD_REPLY_TYPE_NONE chunk without NBD_REPLY_FLAG_DONE flag set"),
            ChunkType.None => length == 0 ? 0 : throw NbdFaults.Protocol("NBD_REPLY_TYPE_NONE chunk with nonzero length"),
            ChunkType.OffsetData when isRead => length > sizeof(ulong)
                ? sizeof(ulong) : throw NbdFaults.Protocol("invalid payload for NBD_REPLY_TYPE_OFFSET_DATA"),
            ChunkType.OffsetHole when isRead => length == HolePayload
                ? HolePayload : throw NbdFaults.Protocol("invalid payload for NBD_REPLY_TYPE_OFFSET_HOLE"),
            ChunkType.BlockStatus when operation.Command == NbdCommand.BlockStatus =>
                length is >= sizeof(uint) + ExtentLength and <= ReceiveBufferSize && (length - sizeof(uint)) % ExtentLength == 0
                    ? (int)length : throw NbdFaults.Protocol("invalid payload for NBD_REPLY_TYPE_BLOCK_STATUS"),
            _ => throw NbdFaults.Protocol($"unexpected reply type {(ushort)_head.Type} for {NbdNames.Of(operation.Command)}"),
        };
    }

    private void TakePayload(NbdOperation operation, ReadOnlySpan<byte> payload)
    {
        _start += payload.Length;
        switch (_head.Type)
        {
            case ChunkType.None:
                break;
            case ChunkType.OffsetData:
                BeginData(operation, StartOf(operation, payload), _head.Length - sizeof(ulong));
                return;
            case ChunkType.OffsetHole:
                Cover(
                    operation,
                    StartOf(operation, payload),
                    BinaryPrimitives.ReadUInt32BigEndian(payload[sizeof(ulong)..])).Clear();
                break;
            case ChunkType.BlockStatus:
                TakeStatus(operation, payload);
                break;
            default:
                TakeError(operation, payload);
                break;
        }

        EndPiece(operation);
    }

    private void TakeStatus(NbdOperation operation, ReadOnlySpan<byte> payload)
    {
        var context = BinaryPrimitives.ReadUInt32BigEndian(payload);
        var first = new Extent(
            BinaryPrimitives.ReadUInt32BigEndian(payload[4..]), BinaryPrimitives.ReadUInt32BigEndian(payload[8..]));
        if (context != Session.Context)
            throw NbdFaults.Protocol(
                $"unexpected context id {context} for NBD_REPLY_TYPE_BLOCK_STATUS, negotiated context id is {Session.Context}");
        if (first.Bytes == 0)
            throw NbdFaults.Protocol("server sent status chunk with zero length");
        if (operation.HasExtent)
            throw NbdFaults.Protocol("several BLOCK_STATUS chunks in reply");
        operation.SetExtent(first);
    }

    private static void TakeError(NbdOperation operation, ReadOnlySpan<byte> payload)
    {
        var error = (NbdError)BinaryPrimitives.ReadUInt32BigEndian(payload);
        var textLength = BinaryPrimitives.ReadUInt16BigEndian(payload[sizeof(uint)..]);
        if (error == NbdError.None)
            throw NbdFaults.Protocol("server sent error chunk with error = 0");
        if (textLength > payload.Length - ErrorPayload)
            throw NbdFaults.Protocol("server sent error chunk with incorrect message size");
        operation.SetError(NbdFaults.Of(operation, error, Encoding.UTF8.GetString(payload.Slice(ErrorPayload, textLength))));
    }

    /// <summary>Where in the read a chunk begins.</summary>
    private static long StartOf(NbdOperation operation, ReadOnlySpan<byte> payload) =>
        unchecked((long)BinaryPrimitives.ReadUInt64BigEndian(payload) - operation.Offset);

    /// <summary>The part of a read that a chunk says it brings.</summary>
    private static IoSlice Cover(NbdOperation operation, long start, long bytes) => operation.Coverage.TryAdd(start, bytes)
        ? operation.Data.Slice(start, bytes)
        : throw NbdFaults.Protocol(
            $"server sent {bytes} bytes at {start} of a read of {operation.Length}, which are empty, out of range or sent before");

    private void BeginData(NbdOperation operation, long start, long bytes)
    {
        _data = Cover(operation, start, bytes);
        _stage = Stage.Data;
    }

    /// <summary>What the buffer has of it. False: the rest is still to come.</summary>
    private bool TryTakeData()
    {
        var buffered = (int)Math.Min(_end - _start, _data.Length);
        if (buffered > 0)
        {
            _data.CopyFrom(_receiveBuffer.AsSpan(_start, buffered));
            _data = _data.Slice(buffered);
            _start += buffered;
        }

        if (_data.Length > 0)
            return false;
        EndPiece(_current!);
        return true;
    }

    private void EndPiece(NbdOperation operation)
    {
        (_stage, _needed, _current, _data) = (Stage.Head, sizeof(uint), null, default);
        if (_head.IsLast)
            Answered(operation);
    }

    private void Answered(NbdOperation operation)
    {
        if (!operation.HasFailed)
        {
            if (operation.Command == NbdCommand.Read && !operation.Coverage.IsComplete)
                throw NbdFaults.Protocol("the answer to a read ends before all of its data has come");
            if (operation.Command == NbdCommand.BlockStatus && !operation.HasExtent)
                throw NbdFaults.Protocol("server did not reply with any status extents");
        }

        operation.IsAnswered = true;
        if (!operation.EndHalf())
            return;
        Release(operation);
        _answered.Enqueue(operation);
        if (++_answeredCount >= MaxGathered)
            HandOn();
    }
}
