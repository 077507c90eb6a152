// SPDX-License-Identifier: MIT
using BlockHost.Virtio.InFlight;
using BlockHost.Virtio.Memory;

namespace BlockHost.Virtio.Rings;

/// <summary>
/// A packed virtqueue (virtio 1.2, 2.8): one ring of descriptors that the driver makes available and the device overwrites, each
/// in order; two flags say whose turn it is, against a counter that changes with every round.
/// <code>
///   descriptors          │ address │ length │ id │ flags │ × size
///   event suppression    │ offset : 15, wrap : 1 │ flags u16 │        one the driver's, one the device's
/// </code>
/// </summary>
internal sealed unsafe class PackedQueue : Virtqueue
{
    private const DescriptorFlags Turn = DescriptorFlags.Available | DescriptorFlags.Used;
    private const int FlagsOffset = 14;
    private const ushort EventsOn = 0;
    private const ushort EventsOff = 1;
    private const ushort EventAtIndex = 2;
    private const uint SuppressionSize = 4;

    private readonly PackedInFlightLog? _inFlight;
    private readonly Queue<ushort> _again = [];
    private byte* _ring;
    private ushort* _driverEvents;
    private ushort* _deviceEvents;
    private RingPosition _available;
    private RingPosition _used;
    private int _slotsTaken;

    public PackedQueue(in RingSettings settings, GuestMemory memory, in RingAddresses addresses, InFlightRegion? log)
        : base(settings, memory, addresses)
    {
        try
        {
            Locate(memory, addresses);
            _available = RingPosition.Parse((ushort)settings.Base, Size);
            _used = RingPosition.Parse((ushort)(settings.Base >> 16), Size);
            if (log is null)
                return;
            _inFlight = new PackedInFlightLog(log, settings.Size, _used);
            _used = _inFlight.Recover(IsStillAvailable, _again, out var slots);
            _available = _used.Next(slots, Size);
        }
        catch
        {
            Close();
            throw;
        }
    }

    public override uint Base => _available.Word | ((uint)_used.Word << 16);

    public override bool HasAvailable => _again.Count > 0 || IsAvailable(_available, FlagsAt(_available.Index));

    public override void DisableKicks() => Volatile.Write(ref _deviceEvents[1], EventsOff);

    public override bool EnableKicks()
    {
        if (HasEventIndex)
        {
            _deviceEvents[0] = _available.Word;
            Volatile.Write(ref _deviceEvents[1], EventAtIndex);
        }
        else
        {
            Volatile.Write(ref _deviceEvents[1], EventsOn);
        }

        Interlocked.MemoryBarrier();
        return HasAvailable;
    }

    private protected override void Locate(GuestMemory memory, in RingAddresses addresses)
    {
        var ring = memory.AtUserAddress(addresses.Descriptors, Descriptor.Size * (ulong)Size);
        var driver = memory.AtUserAddress(addresses.Driver, SuppressionSize);
        var device = memory.AtUserAddress(addresses.Device, SuppressionSize);
        _ = Aligned(Located(ring, "descriptors", addresses.Descriptors), 16, "descriptors", addresses.Descriptors);
        _ = Aligned(Located(driver, "driver area", addresses.Driver), 4, "driver area", addresses.Driver);
        _ = Aligned(Located(device, "device area", addresses.Device), 4, "device area", addresses.Device);
        _ring = ring;
        _driverEvents = (ushort*)driver;
        _deviceEvents = (ushort*)device;
    }

    private protected override string? Read(DescriptorChain chain)
    {
        if (_again.TryDequeue(out var entry))
            return ReadLogged(chain, entry);
        // A driver reuses descriptors that it has been shown as used.
        var free = Size - _slotsTaken;
        if (free <= 0)
            return "more descriptors in flight than the ring has";
        _inFlight?.BeginTaking();
        var at = _available;
        for (ushort n = 1; ; n++)
        {
            if (n > free)
                return "a chain of more descriptors than the ring has";
            var descriptor = *(Descriptor*)(_ring + (Descriptor.Size * at.Index));
            at = at.Next(1, Size);
            if (Add(chain, descriptor, alone: n == 1) is { } fault)
                return fault;
            var last = (descriptor.PackedFlags & DescriptorFlags.Next) == 0;
            _inFlight?.Take(descriptor, last);
            if (!last)
                continue;
            (chain.Id, chain.Slots, chain.LogEntry) = (descriptor.PackedId, n, _inFlight?.EndTaking() ?? 0);
            _available = at;
            _slotsTaken += n;
            return null;
        }
    }

    private protected override bool PublishBatch()
    {
        var start = _used;
        _inFlight?.Completing(Batch, Size);
        foreach (var done in Batch)
        {
            var descriptor = (Descriptor*)(_ring + (Descriptor.Size * _used.Index));
            descriptor->Length = done.Written;
            descriptor->Third = done.Id;
            // The driver looks at the first one only: it stays as it is until all others are in place.
            if (_used != start)
                Volatile.Write(ref descriptor->Fourth, _used.UsedFlags(done.Written));
            MarkUsed(_used.Index);
            _used = _used.Next(done.Slots, Size);
            _slotsTaken -= done.Slots;
        }

        Volatile.Write(
            ref ((Descriptor*)(_ring + (Descriptor.Size * start.Index)))->Fourth, start.UsedFlags(Batch[0].Written));
        _inFlight?.Completed(Batch);
        Interlocked.MemoryBarrier();
        return WantsInterrupt(start);
    }

    private bool WantsInterrupt(RingPosition old)
    {
        var flags = Volatile.Read(ref _driverEvents[1]);
        if (flags != EventAtIndex || !HasEventIndex)
            return flags != EventsOff;
        // Both indexes in one count that begins with the device's round.
        var wanted = _driverEvents[0];
        var index = (ushort)(wanted & RingPosition.IndexMask);
        if (wanted >> 15 != (_used.Wrap ? 1 : 0))
            index = (ushort)(index - Size);
        var advanced = (_used.Index - old.Index + Size) % Size;
        var before = (ushort)(_used.Index - (advanced == 0 ? Size : advanced));
        return Passes(index, _used.Index, before);
    }

    private DescriptorFlags FlagsAt(ushort index) =>
        (DescriptorFlags)Volatile.Read(ref *(ushort*)(_ring + (Descriptor.Size * index) + FlagsOffset));

    private bool IsStillAvailable(RingPosition at) => IsAvailable(at, FlagsAt(at.Index));

    private static bool IsAvailable(RingPosition at, DescriptorFlags flags) =>
        (flags & Turn) == (at.Wrap ? DescriptorFlags.Available : DescriptorFlags.Used);

    /// <summary>
    /// A chain of the process before this one: the ring may have been overwritten, the log has its descriptors.
    /// </summary>
    private string? ReadLogged(DescriptorChain chain, ushort entry)
    {
        chain.LogEntry = entry;
        chain.Slots = _inFlight!.Count(entry);
        _slotsTaken += chain.Slots;
        for (ushort n = 0; n < chain.Slots; n++)
        {
            var descriptor = _inFlight.Descriptor(ref entry);
            chain.Id = descriptor.PackedId;
            if (Add(chain, descriptor, alone: n == 0) is { } fault)
                return fault;
        }

        return null;
    }

    private string? Add(DescriptorChain chain, in Descriptor descriptor, bool alone)
    {
        var flags = descriptor.PackedFlags;
        if ((flags & DescriptorFlags.Indirect) == 0)
            return chain.Add(descriptor.Address, descriptor.Length, (flags & DescriptorFlags.Write) != 0);
        if (!HasIndirect)
            return "an indirect descriptor where there may be none";
        if (!alone || (flags & DescriptorFlags.Next) != 0)
            return "an indirect descriptor in a chain";
        var table = IndirectTable.Find(Memory, descriptor, out var count);
        if (table is null)
            return IndirectTable.Fault(descriptor);
        for (var i = 0u; i < count; i++)
        {
            var inner = *(Descriptor*)(table + (Descriptor.Size * i));
            var fault = (inner.PackedFlags & DescriptorFlags.Indirect) != 0
                ? "an indirect table in an indirect table"
                : chain.Add(inner.Address, inner.Length, (inner.PackedFlags & DescriptorFlags.Write) != 0);
            if (fault is not null)
                return fault;
        }

        return null;
    }

    /// <summary>The address that a front-end gives for this is of the device's area, which is not what is written.</summary>
    private void MarkUsed(ushort index)
    {
        if (Log is { } log && Addresses.LogAddress is not null && Memory.GuestAddressOf(Addresses.Descriptors) is { } address)
            log.Mark(address + (Descriptor.Size * (ulong)index), Descriptor.Size);
    }
}
