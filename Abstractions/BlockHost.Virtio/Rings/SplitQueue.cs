// SPDX-License-Identifier: MIT
using BlockHost.Virtio.InFlight;
using BlockHost.Virtio.Memory;

namespace BlockHost.Virtio.Rings;

/// <summary>
/// A split virtqueue (virtio 1.2, 2.7):
/// <code>
///   descriptors     │ address │ length │ flags │ next │ × size
///   available ring  │ flags u16 │ index u16 │ head u16 × size │ used_event u16 │           the driver writes
///   used ring       │ flags u16 │ index u16 │ (id u32, length u32) × size │ avail_event u16 │   the device writes
/// </code>
/// Indexes run freely, and wrap at 65536.
/// </summary>
internal sealed unsafe class SplitQueue : Virtqueue
{
    private const ushort NoInterrupt = 1;
    private const ushort NoNotify = 1;
    private const int Index = 2;
    private const int Ring = 4;
    private const int UsedElement = 8;

    private readonly SplitInFlightLog? _inFlight;
    private readonly Queue<ushort> _again;
    private byte* _descriptors;
    private byte* _available;
    private byte* _used;
    private ushort _nextAvailable;
    private ushort _nextUsed;
    private bool _everPublished;

    public SplitQueue(in RingSettings settings, GuestMemory memory, in RingAddresses addresses, InFlightRegion? log)
        : base(settings, memory, addresses)
    {
        try
        {
            if ((settings.Size & (settings.Size - 1)) != 0)
                throw new VhostUserException($"a split ring of {settings.Size} descriptors, which is no power of two");
            if (settings.Base > ushort.MaxValue)
                throw new VhostUserException($"a split ring cannot begin at {settings.Base}");
            Locate(memory, addresses);
            _nextAvailable = (ushort)settings.Base;
            _nextUsed = Volatile.Read(ref *(ushort*)(_used + Index));
            _again = [];
            if (log is null)
                return;
            _inFlight = new SplitInFlightLog(log, settings.Size);
            _again = _inFlight.Recover(_nextUsed);
            _nextAvailable = (ushort)(_nextUsed + _again.Count);
        }
        catch
        {
            Close();
            throw;
        }
    }

    public override uint Base => _nextAvailable;

    public override bool HasAvailable => _again.Count > 0 || AvailableIndex != _nextAvailable;

    private ushort AvailableIndex => Volatile.Read(ref *(ushort*)(_available + Index));

    public override void DisableKicks()
    {
        // With an event index there is nothing to write: the driver tells of no more than the index that it was told.
        if (!HasEventIndex)
            *(ushort*)_used = NoNotify;
    }

    public override bool EnableKicks()
    {
        if (HasEventIndex)
            Volatile.Write(ref *(ushort*)(_used + Ring + (UsedElement * Size)), _nextAvailable);
        else
            Volatile.Write(ref *(ushort*)_used, (ushort)0);
        Interlocked.MemoryBarrier();
        return HasAvailable;
    }

    private protected override void Locate(GuestMemory memory, in RingAddresses addresses)
    {
        var descriptors = memory.AtUserAddress(addresses.Descriptors, Descriptor.Size * (ulong)Size);
        var available = memory.AtUserAddress(addresses.Driver, Ring + (sizeof(ushort) * (ulong)Size) + sizeof(ushort));
        var used = memory.AtUserAddress(addresses.Device, Ring + (UsedElement * (ulong)Size) + sizeof(ushort));
        _ = Aligned(Located(descriptors, "descriptors", addresses.Descriptors), 16, "descriptors", addresses.Descriptors);
        _ = Aligned(Located(available, "available ring", addresses.Driver), 2, "available ring", addresses.Driver);
        _ = Aligned(Located(used, "used ring", addresses.Device), 4, "used ring", addresses.Device);
        _descriptors = descriptors;
        _available = available;
        _used = used;
    }

    private protected override string? Read(DescriptorChain chain)
    {
        if (!_again.TryPeek(out var head))
        {
            var index = AvailableIndex;
            if ((ushort)(index - _nextAvailable) > Size)
                return $"the available index went from {_nextAvailable} to {index}, and the ring has {Size} entries";
            head = *(ushort*)(_available + Ring + (sizeof(ushort) * (_nextAvailable % Size)));
        }

        if (head >= Size)
            return $"descriptor {head} of {Size}";
        chain.Id = head;
        if (ReadChain(chain, _descriptors, Size, head, HasIndirect) is { } fault)
            return fault;
        if (_again.TryDequeue(out _))
            return null;
        _inFlight?.Taken(head);
        _nextAvailable++;
        return null;
    }

    private protected override bool PublishBatch()
    {
        var old = _nextUsed;
        foreach (var done in Batch)
        {
            var element = (uint*)(_used + Ring + (UsedElement * (_nextUsed % Size)));
            element[0] = done.Id;
            element[1] = done.Written;
            MarkUsed((ulong)((byte*)element - _used), UsedElement);
            _inFlight?.Completing(done.Id);
            _nextUsed++;
        }

        Volatile.Write(ref *(ushort*)(_used + Index), _nextUsed);
        MarkUsed(Index, sizeof(ushort));
        if (_inFlight is { } log)
        {
            foreach (var done in Batch)
                log.Completed(done.Id);
            log.Published(_nextUsed);
        }

        Interlocked.MemoryBarrier();
        return WantsInterrupt(old);
    }

    private bool WantsInterrupt(ushort old)
    {
        if (!HasEventIndex)
            return (Volatile.Read(ref *(ushort*)_available) & NoInterrupt) == 0;
        var first = !_everPublished;
        _everPublished = true;
        var wanted = Volatile.Read(ref *(ushort*)(_available + Ring + (sizeof(ushort) * Size)));
        return first || Passes(wanted, _nextUsed, old);
    }

    private void MarkUsed(ulong offset, uint length)
    {
        if (Log is { } log && Addresses.LogAddress is { } address)
            log.Mark(address + offset, length);
    }

    /// <summary>Reads each descriptor once; there are no more of them than the table has, or it is a loop.</summary>
    private string? ReadChain(DescriptorChain chain, byte* table, uint count, uint index, bool indirectAllowed)
    {
        for (var n = 0u; ; n++)
        {
            if (n == count)
                return "a chain of descriptors that is a loop";
            var descriptor = *(Descriptor*)(table + (Descriptor.Size * index));
            if ((descriptor.SplitFlags & DescriptorFlags.Indirect) != 0)
                return ReadIndirect(chain, descriptor, indirectAllowed);
            var writable = (descriptor.SplitFlags & DescriptorFlags.Write) != 0;
            if (chain.Add(descriptor.Address, descriptor.Length, writable) is { } fault)
                return fault;
            if ((descriptor.SplitFlags & DescriptorFlags.Next) == 0)
                return null;
            index = descriptor.SplitNext;
            if (index >= count)
                return $"descriptor {index} of {count}";
        }
    }

    /// <summary>A table ends its chain, and holds no other table (virtio 1.2, 2.7.5.3.1).</summary>
    private string? ReadIndirect(DescriptorChain chain, in Descriptor descriptor, bool allowed)
    {
        if (!allowed)
            return "an indirect descriptor where there may be none";
        if ((descriptor.SplitFlags & DescriptorFlags.Next) != 0)
            return "an indirect descriptor that is not the last";
        var table = IndirectTable.Find(Memory, descriptor, out var count);
        return table is null
            ? IndirectTable.Fault(descriptor)
            : ReadChain(chain, table, count, index: 0, indirectAllowed: false);
    }
}
