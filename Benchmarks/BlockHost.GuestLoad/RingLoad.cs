// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Diagnostics;
using BlockHost.Virtio.Testing;

namespace BlockHost.GuestLoad;

/// <summary>
/// Keeps so many random requests of 4 KiB in flight on one ring, and sleeps until the device calls, as a guest does.
/// </summary>
internal sealed class RingLoad
{
    private const int Block = 4096;

    private readonly BlkClient _guest;
    private readonly RingDriver _ring;
    private readonly GuestBuffer[][] _chains;
    private readonly ulong[] _headers;
    private readonly int[] _requestOf;
    private readonly long[] _begun;
    private readonly long _blocks;
    private readonly Random _random;

    public RingLoad(BlkClient guest, int ring, int depth, bool write, long bytes)
    {
        (_guest, _ring, _random, _blocks) = (guest, guest.Rings[ring], new Random(ring), bytes / Block);
        (_chains, _headers) = (new GuestBuffer[depth][], new ulong[depth]);
        (_requestOf, _begun) = (new int[guest.Rings[ring].Options.Size], new long[depth]);
        for (var i = 0; i < depth; i++)
        {
            _headers[i] = guest.Ram.Allocate(16);
            BinaryPrimitives.WriteUInt32LittleEndian(guest.Ram.Span(_headers[i], 4), write ? 1u : 0);
            var (data, status) = (guest.Ram.Allocate(Block, Block), guest.Ram.Allocate(1));
            _chains[i] = [new(_headers[i], 16, false), new(data, Block, !write), new(status, 1, true)];
        }
    }

    /// <summary>How long each request took, in <see cref="Stopwatch"/> ticks.</summary>
    public List<long> Latencies { get; } = new(1 << 22);

    public void Run(TimeSpan duration)
    {
        var end = Stopwatch.GetTimestamp() + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        for (var i = 0; i < _chains.Length; i++)
            Submit(i);
        KickIfWanted();
        for (var inFlight = _chains.Length; inFlight > 0;)
        {
            var stopping = Stopwatch.GetTimestamp() >= end;
            while (_ring.TryTake(out var id, out _))
            {
                var request = _requestOf[id];
                Latencies.Add(Stopwatch.GetTimestamp() - _begun[request]);
                if (_guest.Ram.Span(_chains[request][2].Address, 1)[0] != 0)
                    throw new IOException("a request has failed");
                if (stopping)
                    inFlight--;
                else
                    Submit(request);
            }

            KickIfWanted();
            if (inFlight > 0 && !_ring.EnableCalls())
                _ring.WaitForCall(1000);
        }
    }

    private void Submit(int request)
    {
        var sector = _random.NextInt64(_blocks) * (Block / 512);
        BinaryPrimitives.WriteInt64LittleEndian(_guest.Ram.Span(_headers[request] + 8, 8), sector);
        _begun[request] = Stopwatch.GetTimestamp();
        _requestOf[_ring.Submit(_chains[request], indirect: true)!.Value] = request;
    }

    private void KickIfWanted()
    {
        if (_ring.WantsKick())
            _ring.KickNow();
    }
}
