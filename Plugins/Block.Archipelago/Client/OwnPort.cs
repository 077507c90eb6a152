// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;
using BlockHost.Plugins.Block.Archipelago.Segments;

namespace BlockHost.Plugins.Block.Archipelago.Client;

/// <summary>
/// A port of the segment that this node has taken for as long as it is open: replies come to it. One thread uses it.
/// </summary>
internal sealed class OwnPort : IDisposable
{
    /// <summary>Entries of each queue of a new port.</summary>
    private const int QueueCapacity = 512;
    private const int MaxPorts = 1 << 20;

    private readonly SharedSegment _segment;
    private readonly TimeProvider _clock;
    private readonly PeerSignals _signals;
    private readonly long _port;
    private readonly CancellationToken _ended;

    private OwnPort(
        SharedSegment segment, SegmentHeap heap, PeerSignals signals, TimeProvider clock, long port, uint number,
        CancellationToken ended)
    {
        (_segment, Heap, _signals, _clock, _port, Number, _ended) = (segment, heap, signals, clock, port, number, ended);
    }

    internal uint Number { get; }

    internal SegmentHeap Heap { get; }

    /// <exception cref="BlockException">All ports are taken, or the segment is damaged.</exception>
    internal static OwnPort Take(SharedSegment segment, PeerSignals signals, TimeProvider clock, CancellationToken ended)
    {
        var heap = new SegmentHeap(segment, clock);
        var type = PeerSignals.FindType(segment);
        var (first, count) = (segment.Get32(HeadLayout.FirstDynamicPort), segment.Get32(HeadLayout.PortCount));
        if (count > MaxPorts || first > count)
            throw SharedSegment.Damaged($"it has {count} ports, of which {first} are servers'");
        var ports = segment.Place(HeadLayout.Ports);
        using var held = PeerLock.Take(segment, segment.Place(HeadLayout.Shared) + SharedLayout.Lock, clock, ended);
        for (var number = first; number < count; number++)
        {
            var entry = ports + (number * sizeof(ulong));
            var port = segment.Place(entry);
            if (port == 0)
            {
                port = Make(segment, heap, ended);
                segment.Set(entry, (ulong)port);
            }
            else if (segment.Get(port + PortLayout.Owner) != PortLayout.NoOwner)
            {
                continue;
            }

            segment.Set(port + PortLayout.Signal, (ulong)MakeSignal(segment, heap, signals, ended));
            segment.Set(port + PortLayout.PeerType, type);
            segment.Set(port + PortLayout.Owner, (ulong)Environment.ProcessId);
            segment.Set32(port + PortLayout.Number, number);
            segment.Set32(port + PortLayout.Flags, PortLayout.AcceptsAndReceives);
            return new OwnPort(segment, heap, signals, clock, port, number, ended);
        }

        throw new BlockException(BlockErrorKind.Busy, "All ports of the segment are taken");
    }

    /// <summary>
    /// Puts a request into the queue of the port that stands before its destination, and wakes whoever is there.
    /// </summary>
    /// <exception cref="BlockException">Nobody is, or the queue is full.</exception>
    internal void Submit(long request)
    {
        var next = _segment.Get32(_segment.Place(HeadLayout.PathNext) + (Number * sizeof(uint)));
        var number = next != PortLayout.NoPort ? next : _segment.Get32(request + RequestLayout.EffectiveDestination);
        var port = number < _segment.Get32(HeadLayout.PortCount)
            ? _segment.Place(_segment.Place(HeadLayout.Ports) + (number * sizeof(ulong)))
            : 0;
        if (port == 0)
            throw new BlockException(BlockErrorKind.NotFound, $"Nobody is at port {number} of the segment");
        if (!new SegmentQueue(_segment, request + RequestLayout.Path).TryAppendHead(Number))
            throw SharedSegment.Damaged("a request's path is full");
        using (PeerLock.Take(_segment, port + PortLayout.RequestLock, _clock, _ended))
        {
            var queue = new SegmentQueue(_segment, _segment.Place(port + PortLayout.RequestQueue));
            if (!queue.TryAppendTail((ulong)request))
                throw new BlockException(BlockErrorKind.Busy, $"The queue of port {number} is full", Errno.EAGAIN);
        }

        _signals.Wake(port);
    }

    /// <summary>The next reply that has come.</summary>
    internal bool TryReceive(out long request)
    {
        ulong value;
        bool found;
        using (PeerLock.Take(_segment, _port + PortLayout.ReplyLock, _clock, _ended))
            found = new SegmentQueue(_segment, _segment.Place(_port + PortLayout.ReplyQueue)).TryPopHead(out value);
        request = (long)Math.Min(value, (ulong)long.MaxValue);
        return found;
    }

    /// <summary>Others may take the port.</summary>
    public void Dispose()
    {
        try
        {
            using (PeerLock.Take(
                _segment, _segment.Place(HeadLayout.Shared) + SharedLayout.Lock, _clock, CancellationToken.None))
                _segment.Set(_port + PortLayout.Owner, PortLayout.NoOwner);
        }
        catch (BlockException)
        {
            // Somebody died with the lock: the port stays taken.
        }
    }

    private static long Make(SharedSegment segment, SegmentHeap heap, CancellationToken ended)
    {
        var (port, _) = heap.Allocate(PortLayout.SizeOf, ended);
        segment.Bytes(port, PortLayout.SizeOf).Clear();
        foreach (var queue in (ReadOnlySpan<long>)[PortLayout.FreeQueue, PortLayout.RequestQueue, PortLayout.ReplyQueue])
        {
            var (place, _) = heap.Allocate(QueueLayout.SizeOf + (QueueCapacity * sizeof(ulong)), ended);
            new SegmentQueue(segment, place).Initialize(place + QueueLayout.SizeOf, QueueCapacity);
            segment.Set(port + queue, (ulong)place);
        }

        segment.Set(port + PortLayout.Owner, PortLayout.NoOwner);
        segment.Set(port + PortLayout.MaxRequests, 1024);
        return port;
    }

    private static long MakeSignal(SharedSegment segment, SegmentHeap heap, PeerSignals signals, CancellationToken ended)
    {
        var (place, _) = heap.Allocate(SignalLayout.SizeOf, ended);
        Encoding.ASCII.GetBytes(signals.Name).CopyTo(segment.Bytes(place, SignalLayout.NameSize));
        segment.Set32(place + SignalLayout.Descriptor, uint.MaxValue);
        segment.Set32(place + SignalLayout.IsWanted, 1);
        return place;
    }
}
