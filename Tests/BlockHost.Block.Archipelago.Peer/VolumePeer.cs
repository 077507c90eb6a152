// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Plugins.Block.Archipelago.Segments;

namespace BlockHost.Block.Archipelago.Peer;

/// <summary>Mapper and composer in one: ports 1001 and 501, and one volume, "vol", in memory.</summary>
internal sealed class VolumePeer(SharedSegment segment, string folder, long size) : IDisposable
{
    private const int Capacity = 512;
    private static readonly uint[] Numbers = [501, 1001];

    private readonly SegmentHeap _heap = new(segment, TimeProvider.System);
    private readonly PeerSignals _signals = PeerSignals.Create(segment, folder);
    private readonly byte[] _volume = new byte[size];
    private readonly List<long> _kept = [];
    private volatile PeerMode _mode;

    public PeerMode Mode
    {
        get => _mode;
        set
        {
            _mode = value;
            if (value == PeerMode.HoldsLock)
                segment.Set(segment.Place(HeadLayout.Heap) + HeapLayout.Lock, ulong.MaxValue);
            _signals.WakeSelf();
        }
    }

    public void Start()
    {
        var ports = Numbers.Select(Bind).ToArray();
        var thread = new Thread(() => Serve(ports)) { IsBackground = true };
        thread.Start();
    }

    public void Dispose() => _signals.Dispose();

    private long Bind(uint number)
    {
        var (port, _) = _heap.Allocate(PortLayout.SizeOf, CancellationToken.None);
        segment.Bytes(port, PortLayout.SizeOf).Clear();
        foreach (var queue in new[] { PortLayout.FreeQueue, PortLayout.RequestQueue, PortLayout.ReplyQueue })
        {
            var (place, _) = _heap.Allocate(QueueLayout.SizeOf + (Capacity * sizeof(ulong)), CancellationToken.None);
            new SegmentQueue(segment, place).Initialize(place + QueueLayout.SizeOf, Capacity);
            segment.Set(port + queue, (ulong)place);
        }

        var (signal, _) = _heap.Allocate(SignalLayout.SizeOf, CancellationToken.None);
        Encoding.ASCII.GetBytes(_signals.Name).CopyTo(segment.Bytes(signal, SignalLayout.NameSize));
        segment.Set32(signal + SignalLayout.IsWanted, 1);
        segment.Set(port + PortLayout.Signal, (ulong)signal);
        segment.Set(port + PortLayout.PeerType, PeerSignals.FindType(segment));
        segment.Set(port + PortLayout.Owner, (ulong)Environment.ProcessId);
        segment.Set32(port + PortLayout.Number, number);
        segment.Set32(port + PortLayout.Flags, PortLayout.AcceptsAndReceives);
        segment.Set(segment.Place(HeadLayout.Ports) + (number * sizeof(ulong)), (ulong)port);
        return port;
    }

    private void Serve(long[] ports)
    {
        while (true)
        {
            foreach (var port in ports)
            {
                while (TryAccept(port, out var request))
                    Take(request);
            }

            if (_mode == PeerMode.Recovers)
                AnswerKept();
            _signals.Wait(1000);
        }
    }

    private bool TryAccept(long port, out long request)
    {
        using var held = PeerLock.Take(segment, port + PortLayout.RequestLock, TimeProvider.System, CancellationToken.None);
        var found = new SegmentQueue(segment, segment.Place(port + PortLayout.RequestQueue)).TryPopHead(out var value);
        request = (long)value;
        return found;
    }

    private void AnswerKept()
    {
        foreach (var request in _kept)
            Take(request);
        _kept.Clear();
    }

    private void Take(long request)
    {
        if (_mode == PeerMode.Silent)
        {
            _kept.Add(request);
            return;
        }

        var done = _mode != PeerMode.Fails && IsOurs(request) && Do(request);
        segment.Set32(request + RequestLayout.State, done ? RequestLayout.Served : RequestLayout.Failed);
        if (_mode == PeerMode.Lies)
            segment.Set(request + RequestLayout.Data, ulong.MaxValue - 7);
        Respond(request);
    }

    private bool IsOurs(long request)
    {
        var name = segment.Bytes(
            segment.Place(request + RequestLayout.Target), (int)segment.Get32(request + RequestLayout.TargetLength));
        return name.SequenceEqual("vol"u8);
    }

    private bool Do(long request)
    {
        var offset = (long)segment.Get(request + RequestLayout.Offset);
        var length = (int)segment.Get(request + RequestLayout.Size);
        var data = segment.Bytes(segment.Place(request + RequestLayout.Data), length);
        switch ((VolumeOperation)segment.Get32(request + RequestLayout.Operation))
        {
            case VolumeOperation.Info:
                BinaryPrimitives.WriteInt64LittleEndian(data, size);
                break;
            case VolumeOperation.Read when offset <= size - length:
                _volume.AsSpan((int)offset, length).CopyTo(data);
                break;
            case VolumeOperation.Write when offset <= size - length:
                data.CopyTo(_volume.AsSpan((int)offset));
                break;
            case VolumeOperation.Flush or VolumeOperation.Close:
                break;
            default:
                return false;
        }

        segment.Set(request + RequestLayout.Serviced, (ulong)(_mode == PeerMode.Short ? Math.Max(0, length - 1) : length));
        return true;
    }

    /// <summary>To whoever stands last in the request's path.</summary>
    private void Respond(long request)
    {
        if (!new SegmentQueue(segment, request + RequestLayout.Path).TryPopHead(out var number))
            return;
        var port = segment.Place(segment.Place(HeadLayout.Ports) + ((long)number * sizeof(ulong)));

        // As the real ones, which leave the asker in the path until it receives.
        new SegmentQueue(segment, request + RequestLayout.Path).TryAppendHead(number);
        using (PeerLock.Take(segment, port + PortLayout.ReplyLock, TimeProvider.System, CancellationToken.None))
            new SegmentQueue(segment, segment.Place(port + PortLayout.ReplyQueue)).TryAppendTail((ulong)request);
        _signals.Wake(port);
    }
}
