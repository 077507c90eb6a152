// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Posix;

namespace BlockHost.Virtio.Testing;

/// <summary>What a guest's driver is to agree on.</summary>
public sealed record BlkClientOptions
{
    public RingOptions Ring { get; init; } = new();

    public int Rings { get; init; } = 1;

    /// <summary>Has the back-end note what is in flight, if it can.</summary>
    public bool InFlightLog { get; init; }

    /// <summary>Features that are not accepted.</summary>
    public ulong Without { get; init; }
}

/// <summary>A request's end.</summary>
public readonly record struct BlkAnswer(byte Status, uint Written);

/// <summary>
/// A virtio-blk driver and the front-end that it runs in: memory, rings and the log of what is in flight are its own, and outlive
/// the back-end.
/// </summary>
public sealed class BlkClient : IDisposable
{
    private const ulong ReadOnlyFeature = 1UL << 5;

    private readonly BlkClientOptions _options;
    private readonly bool _ownsRam;
    private int _inFlight = -1;
    private byte[] _inFlightLayout = [];

    public BlkClient(string path, BlkClientOptions? options = null, GuestRam? ram = null)
    {
        _options = options ?? new();
        _ownsRam = ram is null;
        Ram = ram ?? new GuestRam(64 << 20);
        Rings = [.. Enumerable.Range(0, _options.Rings).Select(_ => RingDriver.Create(Ram, _options.Ring))];
        FrontEnd = null!;
        Connect(path, resume: false);
    }

    public GuestRam Ram { get; }

    public IReadOnlyList<RingDriver> Rings { get; }

    public FrontEnd FrontEnd { get; private set; }

    public ulong Features { get; private set; }

    public bool IsReadOnly => (Features & ReadOnlyFeature) != 0;

    /// <summary>Whether the back-end notes what is in flight.</summary>
    public bool HasInFlightLog => _inFlight >= 0;

    /// <summary>A new back-end, after the last one has died or let go.</summary>
    public void Reconnect(string path)
    {
        FrontEnd.Dispose();
        Connect(path, resume: true);
    }

    public void Dispose()
    {
        FrontEnd.Dispose();
        foreach (var ring in Rings)
            ring.Dispose();
        if (_inFlight >= 0)
            _ = Libc.close(_inFlight);
        if (_ownsRam)
            Ram.Dispose();
    }

    public byte[] Config(int offset = 0, int length = 60)
    {
        var reply = FrontEnd.Ask(
            24, [.. BitConverter.GetBytes(offset), .. BitConverter.GetBytes(length), 0, 0, 0, 0, .. new byte[length]]);
        return reply.Payload.Length == 0 ? [] : reply.Payload[12..];
    }

    /// <summary>GET_VRING_BASE: the ring stands still afterwards.</summary>
    public uint StopRing(uint ring = 0)
    {
        var reply = FrontEnd.Ask(11, [.. BitConverter.GetBytes(ring), 0, 0, 0, 0]);
        return BitConverter.ToUInt32(reply.Payload, 4);
    }

    public void StartRing(uint ring, uint from)
    {
        var driver = Rings[(int)ring];
        FrontEnd.SendRing(8, ring, _options.Ring.Size);
        FrontEnd.SendRing(10, ring, from);
        FrontEnd.SetAddresses(ring, driver);
        FrontEnd.Send(13, ring, driver.Call);
        FrontEnd.Send(14, ring, driver.Error);
        FrontEnd.Send(12, ring, driver.Kick);
        FrontEnd.SendRing(18, ring, 1);
    }

    /// <summary>One request, in as many pieces as <paramref name="cuts"/> makes of either part, and its answer.</summary>
    /// <param name="input">What the device reads behind the header.</param>
    /// <param name="output">Where what the device writes before its status goes to.</param>
    public BlkAnswer Run(
        uint type,
        ulong sector,
        ReadOnlySpan<byte> input,
        Span<byte> output,
        Random? cuts = null,
        bool indirect = false,
        int ring = 0)
    {
        var request = Place(type, sector, input, output.Length, cuts);
        var driver = Rings[ring];
        while (driver.Submit(request.Chain, indirect) is null)
            throw new InvalidOperationException("no room in the ring");
        if (driver.WantsKick())
            driver.KickNow();
        Await(driver, out var written);
        Ram.Span(request.Output, output.Length).CopyTo(output);
        return new(Ram.Span(request.Output + (uint)output.Length, 1)[0], written);
    }

    public BlkAnswer Read(ulong sector, Span<byte> target) => Run(0, sector, [], target);

    public BlkAnswer Write(ulong sector, ReadOnlySpan<byte> source) => Run(1, sector, source, []);

    public BlkAnswer Flush() => Run(4, 0, [], []);

    /// <summary>Lays a request out in memory of its own.</summary>
    public PlacedRequest Place(uint type, ulong sector, ReadOnlySpan<byte> input, int output, Random? cuts = null)
    {
        var source = Ram.Allocate(16 + input.Length);
        var header = Ram.Span(source, 16 + input.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], sector);
        input.CopyTo(header[16..]);
        var target = Ram.Allocate(output + 1);
        Ram.Span(target, output + 1).Fill(0xEE);
        var chain = new List<GuestBuffer>();
        Cut(chain, source, 16 + input.Length, [16], writable: false, cuts);
        Cut(chain, target, output + 1, [output], writable: true, cuts);
        return new(chain.ToArray(), target, output);
    }

    /// <summary>Waits for one chain.</summary>
    public static ushort Await(RingDriver driver, out uint written)
    {
        var end = Environment.TickCount64 + 60_000;
        ushort id;
        while (!driver.TryTake(out id, out written))
        {
            if (Environment.TickCount64 > end)
                throw new TimeoutException("the device does not answer");
            if (!driver.EnableCalls())
                driver.WaitForCall(1000);
        }

        return id;
    }

    /// <summary>As a driver does it without cuts, and anywhere else with them.</summary>
    private static void Cut(List<GuestBuffer> chain, ulong address, int length, int[] usual, bool writable, Random? cuts)
    {
        int[] at = cuts is null ? usual : [.. Enumerable.Range(0, cuts.Next(5)).Select(_ => cuts.Next(length + 1)).Order()];
        var start = 0;
        foreach (var end in at.Append(length))
        {
            if (end > start)
                chain.Add(new(address + (uint)start, (uint)(end - start), writable));
            start = Math.Max(start, end);
        }
    }

    private void Connect(string path, bool resume)
    {
        FrontEnd = new FrontEnd(path);
        FrontEnd.Send(3, []);
        var offered = FrontEnd.Ask(1).Value;
        var wanted = ~_options.Without & ~(1UL << 26);
        if (!_options.Ring.Packed)
            wanted &= ~FrontEnd.PackedRing;
        if (!_options.Ring.EventIndex)
            wanted &= ~FrontEnd.EventIndex;
        Features = offered & wanted;
        FrontEnd.ProtocolFeatures = FrontEnd.Ask(15).Value;
        FrontEnd.Send(16, FrontEnd.ProtocolFeatures);
        FrontEnd.Send(2, Features);
        FrontEnd.SetMemory(Ram);
        if (_options.InFlightLog && (FrontEnd.ProtocolFeatures & (1 << 12)) != 0)
            ShareInFlightLog();
        for (var i = 0u; i < Rings.Count; i++)
            StartRing(i, resume ? Rings[(int)i].ResumedBase : Rings[(int)i].FreshBase);
    }

    private void ShareInFlightLog()
    {
        if (_inFlight < 0)
        {
            var reply = FrontEnd.Ask(
                31,
                [
                    .. new byte[16], .. BitConverter.GetBytes((ushort)Rings.Count), .. BitConverter.GetBytes(_options.Ring.Size),
                    0, 0, 0, 0,
                ]);
            (_inFlight, _inFlightLayout) = (reply.Descriptor!.Value, reply.Payload);
        }

        FrontEnd.Send(32, _inFlightLayout, 1, null, _inFlight);
    }
}

/// <summary>A request in the guest's memory.</summary>
/// <param name="Output">Where the device writes; the status is the byte behind <paramref name="OutputLength"/>.</param>
public readonly record struct PlacedRequest(GuestBuffer[] Chain, ulong Output, int OutputLength);
