// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Archipelago.Segments;

namespace BlockHost.Plugins.Block.Archipelago.Client;

/// <summary>
/// Requests in the segment: each has a buffer with its data in front and the volume's name at its end. Both are taken from
/// the heap and given back with the reply.
/// </summary>
internal sealed class RequestMaker(SharedSegment segment, OwnPort port, byte[] volume, CancellationToken ended)
{
    /// <summary>Makes what is to be submitted; null: whoever asked has given up.</summary>
    internal long? TryMake(Exchange exchange)
    {
        var (request, _) = port.Heap.Allocate(RequestLayout.SizeOf, ended);
        var (buffer, size) = (0L, 0L);
        try
        {
            (buffer, size) = port.Heap.Allocate(exchange.Size + volume.Length, ended);
            Fill(request, exchange, buffer, size);
            if (exchange.Source.Length == 0 || exchange.TryCopyOut(segment.Bytes(buffer, exchange.Size)))
                return request;
        }
        catch
        {
            Free(request, buffer);
            throw;
        }

        Free(request, buffer);
        return null;
    }

    /// <summary>Gives the reply to whoever asked.</summary>
    /// <exception cref="BlockException">It says that the request failed.</exception>
    internal void Finish(long request, Exchange exchange)
    {
        var state = segment.Get32(request + RequestLayout.State);
        var serviced = segment.Get(request + RequestLayout.Serviced);
        if ((state & RequestLayout.Failed) != 0 || (state & RequestLayout.Served) == 0)
            throw new BlockException(BlockErrorKind.Io, $"The peer at port {exchange.Port} could not do the request");
        var counts = exchange.Operation is VolumeOperation.Read or VolumeOperation.Write;
        if (counts && serviced != (ulong)exchange.Size)
        {
            throw new BlockException(
                BlockErrorKind.Io, $"The peer at port {exchange.Port} did {serviced} of {exchange.Size} bytes");
        }

        exchange.Succeed(exchange.Target.Length == 0 ? default : DataOf(request, exchange.Size));
    }

    internal void Free(long request) => Free(request, segment.Place(request + RequestLayout.Buffer));

    private void Free(long request, long buffer)
    {
        if (buffer != 0)
            port.Heap.Free(buffer, ended);
        port.Heap.Free(request, ended);
    }

    /// <summary>A peer may have moved the data into a larger buffer.</summary>
    private Span<byte> DataOf(long request, int size)
    {
        var length = segment.Get(request + RequestLayout.DataLength);
        return length >= (ulong)size
            ? segment.Bytes(segment.Place(request + RequestLayout.Data), size)
            : throw SharedSegment.Damaged($"a reply of {size} bytes has room for {length}");
    }

    private void Fill(long request, Exchange exchange, long buffer, long size)
    {
        segment.Bytes(request, RequestLayout.SizeOf).Clear();
        segment.Set(request + RequestLayout.Buffer, (ulong)buffer);
        segment.Set(request + RequestLayout.BufferLength, (ulong)size);
        segment.Set(request + RequestLayout.Data, (ulong)buffer);
        segment.Set(request + RequestLayout.DataLength, (ulong)exchange.Size);
        segment.Set(request + RequestLayout.Target, (ulong)(buffer + size - volume.Length));
        segment.Set32(request + RequestLayout.TargetLength, (uint)volume.Length);
        volume.CopyTo(segment.Bytes(buffer + size - volume.Length, volume.Length));
        segment.Set(request + RequestLayout.Offset, (ulong)exchange.Offset);
        segment.Set(request + RequestLayout.Size, (ulong)exchange.Size);
        segment.Set32(request + RequestLayout.Operation, (uint)exchange.Operation);
        segment.Set(request + RequestLayout.FirstVersionSize, ulong.MaxValue);
        segment.Set32(request + RequestLayout.Source, port.Number);
        segment.Set32(request + RequestLayout.Transit, port.Number);
        segment.Set32(request + RequestLayout.Destination, exchange.Port);
        segment.Set32(request + RequestLayout.EffectiveDestination, exchange.Port);
        new SegmentQueue(segment, request + RequestLayout.Path)
            .Initialize(request + RequestLayout.PathEntries, RequestLayout.PathCapacity);
    }
}
