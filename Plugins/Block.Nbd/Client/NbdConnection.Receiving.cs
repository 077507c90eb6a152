// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using BlockHost.Block;
using BlockHost.Nbd;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>The receiver: one loop for the connection's life. Nothing of what it reads is believed.</summary>
internal sealed partial class NbdConnection
{
    private const int ReceiveBufferSize = 64 << 10;

    /// <summary>Data of reads from this size on is received where it goes, so little is taken into the buffer before it.</summary>
    private const int LargeRead = 32 << 10;

    private const int HeadsOnly = 4 << 10;

    /// <summary>Answers are handed on when this many have gathered, even if more bytes are there.</summary>
    private const int MaxGathered = 16;

    private const int MaxErrorLength = 8 << 10;

    private readonly byte[] _receiveBuffer = GC.AllocateUninitializedArray<byte>(ReceiveBufferSize);
    private int _start;
    private int _end;
    private OperationQueue _answered;
    private int _answeredCount;
    private int _largeReads;

    private ReadOnlySpan<byte> Received => _receiveBuffer.AsSpan(_start, _end - _start);

    private async Task ReceiveAsync()
    {
        try
        {
            while (true)
                await ReceiveReplyAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Whatever ended it, a fault of our own included: nobody waits for an answer that does not come.
            HandOn();
            Break(Broken(e));
            Leave();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveReplyAsync()
    {
        await FillAsync(sizeof(uint)).ConfigureAwait(false);
        var magic = BinaryPrimitives.ReadUInt32BigEndian(Received);
        var length = ReplyHeader.LengthOf(magic);
        if (length == 0)
            throw NbdFaults.Protocol($"invalid magic (got 0x{magic:x})");
        await FillAsync(length).ConfigureAwait(false);
        var head = ReplyHeader.Parse(Received);
        _start += length;
        var operation = Find(head.Cookie);
        if (head.IsStructured)
            await ReceiveChunkAsync(operation, head).ConfigureAwait(false);
        else
            await ReceiveSimpleAsync(operation, head).ConfigureAwait(false);
        if (head.IsLast)
            Answered(operation);
    }

    private NbdOperation Find(ulong cookie)
    {
        var slot = (uint)cookie;
        // Entries change under the gate; one whose cookie fits has been sent and is changed by this loop only.
        var operation = slot < MaxInFlight ? Volatile.Read(ref _inFlight[slot]) : null;
        if (operation is null || operation.Cookie != cookie || operation.IsAnswered)
            throw NbdFaults.Protocol($"a reply to no request (cookie 0x{cookie:x})");
        return operation;
    }

    private async ValueTask ReceiveSimpleAsync(NbdOperation operation, ReplyHeader head)
    {
        if (Session.StructuredReplies && operation.Command is NbdCommand.Read or NbdCommand.BlockStatus)
            throw NbdFaults.Protocol("simple reply when structured reply chunk was expected");
        if (head.Error != NbdError.None)
            operation.SetError(NbdFaults.Of(operation, head.Error, ""));
        else if (operation.Command == NbdCommand.Read)
            await ReceiveDataAsync(operation, 0, operation.Length).ConfigureAwait(false);
    }

    private ValueTask ReceiveChunkAsync(NbdOperation operation, ReplyHeader head)
    {
        if (!Session.StructuredReplies)
            throw NbdFaults.Protocol("structured reply, which was not negotiated");
        if (((ushort)head.Type & Wire.ChunkErrorBit) != 0)
            return ReceiveErrorAsync(operation, head);
        return head.Type switch
        {
            ChunkType.None => CheckNothing(head),
            ChunkType.OffsetData when operation.Command == NbdCommand.Read => ReceiveDataChunkAsync(operation, head),
            ChunkType.OffsetHole when operation.Command == NbdCommand.Read => ReceiveHoleAsync(operation, head),
            ChunkType.BlockStatus when operation.Command == NbdCommand.BlockStatus => ReceiveStatusAsync(operation, head),
            _ => throw NbdFaults.Protocol($"unexpected reply type {(ushort)head.Type} for {NbdNames.Of(operation.Command)}"),
        };
    }

    private static ValueTask CheckNothing(ReplyHeader head)
    {
        if (!head.IsLast)
            throw NbdFaults.Protocol("NBD_REPLY_TYPE_NONE chunk without NBD_REPLY_FLAG_DONE flag set");
        return head.Length == 0 ? default : throw NbdFaults.Protocol("NBD_REPLY_TYPE_NONE chunk with nonzero length");
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveDataChunkAsync(NbdOperation operation, ReplyHeader head)
    {
        if (head.Length <= sizeof(ulong))
            throw NbdFaults.Protocol("invalid payload for NBD_REPLY_TYPE_OFFSET_DATA");
        await FillAsync(sizeof(ulong)).ConfigureAwait(false);
        var offset = BinaryPrimitives.ReadUInt64BigEndian(Received);
        _start += sizeof(ulong);
        await ReceiveDataAsync(operation, unchecked((long)offset - operation.Offset), head.Length - sizeof(ulong)).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveHoleAsync(NbdOperation operation, ReplyHeader head)
    {
        const int length = sizeof(ulong) + sizeof(uint);
        if (head.Length != length)
            throw NbdFaults.Protocol("invalid payload for NBD_REPLY_TYPE_OFFSET_HOLE");
        await FillAsync(length).ConfigureAwait(false);
        var start = unchecked((long)BinaryPrimitives.ReadUInt64BigEndian(Received) - operation.Offset);
        var bytes = BinaryPrimitives.ReadUInt32BigEndian(Received[sizeof(ulong)..]);
        _start += length;
        Cover(operation, start, bytes).Clear();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveStatusAsync(NbdOperation operation, ReplyHeader head)
    {
        const int extent = 2 * sizeof(uint);
        if (head.Length < sizeof(uint) + extent || (head.Length - sizeof(uint)) % extent != 0 || head.Length > ReceiveBufferSize)
            throw NbdFaults.Protocol("invalid payload for NBD_REPLY_TYPE_BLOCK_STATUS");
        await FillAsync((int)head.Length).ConfigureAwait(false);
        var context = BinaryPrimitives.ReadUInt32BigEndian(Received);
        var first = new Extent(BinaryPrimitives.ReadUInt32BigEndian(Received[4..]), BinaryPrimitives.ReadUInt32BigEndian(Received[8..]));
        _start += (int)head.Length;
        if (context != Session.Context)
            throw NbdFaults.Protocol($"unexpected context id {context} for NBD_REPLY_TYPE_BLOCK_STATUS, negotiated context id is {Session.Context}");
        if (first.Bytes == 0)
            throw NbdFaults.Protocol("server sent status chunk with zero length");
        if (operation.HasExtent)
            throw NbdFaults.Protocol("several BLOCK_STATUS chunks in reply");
        operation.SetExtent(first);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveErrorAsync(NbdOperation operation, ReplyHeader head)
    {
        const int fixedLength = sizeof(uint) + sizeof(ushort);
        if (head.Length < fixedLength || head.Length > MaxErrorLength)
            throw NbdFaults.Protocol("invalid payload for NBD_REPLY_TYPE_ERROR*");
        await FillAsync((int)head.Length).ConfigureAwait(false);
        var error = (NbdError)BinaryPrimitives.ReadUInt32BigEndian(Received);
        var textLength = BinaryPrimitives.ReadUInt16BigEndian(Received[sizeof(uint)..]);
        if (error == NbdError.None)
            throw NbdFaults.Protocol("server sent error chunk with error = 0");
        if (textLength > head.Length - fixedLength)
            throw NbdFaults.Protocol("server sent error chunk with incorrect message size");
        operation.SetError(NbdFaults.Of(operation, error, Encoding.UTF8.GetString(Received.Slice(fixedLength, textLength))));
        _start += (int)head.Length;
    }

    /// <summary>The part of a read that a chunk says it brings.</summary>
    private static IoSlice Cover(NbdOperation operation, long start, long bytes) => operation.Coverage.TryAdd(start, bytes)
        ? operation.Data.Slice(start, bytes)
        : throw NbdFaults.Protocol($"server sent {bytes} bytes at {start} of a read of {operation.Length}, which are empty, out of range or sent before");

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReceiveDataAsync(NbdOperation operation, long start, long bytes)
    {
        var target = Cover(operation, start, bytes);
        var buffered = (int)Math.Min(_end - _start, bytes);
        target.CopyFrom(_receiveBuffer.AsSpan(_start, buffered));
        _start += buffered;
        foreach (var segment in target.Slice(buffered))
        {
            for (var rest = segment; !rest.IsEmpty;)
                rest = rest[await ReceiveAsync(rest).ConfigureAwait(false)..];
        }
    }

    /// <summary>Has at least <paramref name="bytes"/> in the buffer.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FillAsync(int bytes)
    {
        while (_end - _start < bytes)
        {
            if (_start > 0)
            {
                Received.CopyTo(_receiveBuffer);
                (_start, _end) = (0, _end - _start);
            }

            var room = Volatile.Read(ref _largeReads) > 0 ? Math.Max(HeadsOnly, bytes) : ReceiveBufferSize;
            _end += await ReceiveAsync(_receiveBuffer.AsMemory(_end, room - _end)).ConfigureAwait(false);
        }
    }

    /// <summary>Before it waits, hands on what has been answered.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReceiveAsync(Memory<byte> target)
    {
        var receiving = _stream.ReadAsync(target);
        if (!receiving.IsCompleted)
            HandOn();
        var received = await receiving.ConfigureAwait(false);
        return received > 0 ? received : throw new BlockException(BlockErrorKind.Io, "The server closed the connection");
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

    private void HandOn()
    {
        _completions.Run(ref _answered);
        _answeredCount = 0;
        // Room for requests that waited: they are sent now.
        Flush();
    }
}
