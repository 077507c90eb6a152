// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Virtio.Rings;

namespace BlockHost.Virtio.InFlight;

/// <summary>
/// What a packed ring has in flight (vhost-user, "Inflight I/O tracking"). As the device overwrites the ring's descriptors, the
/// log keeps copies, in entries out of a free list:
/// <code>
///   │ features u64 │ version u16 │ entries u16 │ free_head u16 │ old_free_head u16 │ used_idx u16 │ old_used_idx u16 │
///   │ used_wrap u8 │ old_used_wrap u8 │ 7 bytes and 3 │
///   │ in flight u8 │ a byte │ next u16 │ last u16 │ count u16 │ counter u64 │
///   │ id u16 │ flags u16 │ length u32 │ address u64 │ × entries
/// </code>
/// What is called old is what the driver has been shown; the rest is ahead of it by one batch, or by a chain that is being taken.
/// The front-end can write all of it at any time: what this process goes by lies in fields of its own, and what it reads there is
/// brought into the table's bounds.
/// </summary>
internal sealed unsafe class PackedInFlightLog
{
    public const uint Header = 32;
    public const uint Entry = 32;

    private readonly HeaderPart* _header;
    private readonly EntryPart* _entries;
    private readonly ushort _count;
    private readonly ushort[] _slots;
    private RingPosition _used;
    private ushort _free;
    private ushort _oldFree;
    private ulong _counter;

    /// <param name="used">Where a ring that is new to the log stands.</param>
    /// <exception cref="VhostUserException">The region is of another ring.</exception>
    public PackedInFlightLog(InFlightRegion region, ushort ringSize, RingPosition used)
    {
        _header = (HeaderPart*)region.Start;
        _entries = (EntryPart*)(region.Start + Header);
        _count = ringSize;
        _slots = new ushort[ringSize];
        if (!region.Begin(ringSize))
            return;
        for (ushort i = 0; i < ringSize; i++)
            _entries[i] = new EntryPart { Next = (ushort)(i + 1) };
        WriteUsed(used);
        Commit();
    }

    /// <summary>Heads of what was in flight, oldest first, into <paramref name="again"/>.</summary>
    /// <param name="isStillAvailable">Whether the ring's descriptor at a place has not been used.</param>
    /// <param name="slots">Of the ring, that they take up together.</param>
    /// <returns>Where the device goes on in the ring.</returns>
    /// <exception cref="VhostUserException">The log is damaged.</exception>
    public RingPosition Recover(Func<RingPosition, bool> isStillAvailable, Queue<ushort> again, out int slots)
    {
        var old = new RingPosition(_header->OldUsedIndex, _header->OldUsedWrap != 0);
        _used = new RingPosition(_header->UsedIndex, _header->UsedWrap != 0);
        (_free, _oldFree) = (InList(_header->FreeHead), InList(_header->OldFreeHead));
        if (old.Index >= _count || _used.Index >= _count)
            throw Damaged();
        // Shown to the driver, and not yet noted so; or noted, and not shown.
        if (_used != old && !isStillAvailable(old))
            _oldFree = _free;
        else
            (_used, _free) = (old, _oldFree);
        _header->FreeHead = _free;
        WriteUsed(_used);
        Commit();
        FreeTheFree();
        slots = FindInFlight(again);
        return _used;
    }

    /// <summary>A chain's first descriptor is about to be read.</summary>
    public void BeginTaking()
    {
        ref var head = ref At(_oldFree);
        _header->FreeHead = _free = _oldFree;
        head.Count = 0;
        head.Counter = _counter++;
        Volatile.Write(ref head.InFlight, (byte)1);
    }

    public void Take(in Descriptor descriptor, bool last)
    {
        ref var head = ref At(_oldFree);
        if (last)
            head.Last = _free;
        head.Count++;
        ref var entry = ref At(_free);
        (entry.Address, entry.Length, entry.Id, entry.Flags) =
            (descriptor.Address, descriptor.Length, descriptor.PackedId, (ushort)descriptor.PackedFlags);
        _header->FreeHead = _free = InList(entry.Next);
    }

    /// <returns>The chain's entry.</returns>
    public ushort EndTaking()
    {
        var head = _oldFree;
        _oldFree = _free;
        Volatile.Write(ref _header->OldFreeHead, _oldFree);
        return head;
    }

    /// <summary>Before the ring's descriptors are written.</summary>
    public void Completing(ReadOnlySpan<Virtqueue.Done> batch, ushort ringSize)
    {
        foreach (var done in batch)
        {
            At(At(done.LogEntry).Last).Next = _free;
            _header->FreeHead = _free = done.LogEntry;
            _used = _used.Next(done.Slots, ringSize);
        }

        WriteUsed(_used);
    }

    /// <summary>After they have been.</summary>
    public void Completed(ReadOnlySpan<Virtqueue.Done> batch)
    {
        foreach (var done in batch)
            Volatile.Write(ref At(done.LogEntry).InFlight, (byte)0);
        _oldFree = _free;
        Commit();
    }

    /// <summary>Descriptors of a chain that was in flight.</summary>
    public ushort Count(ushort head) => _slots[head];

    /// <summary>One of them; <paramref name="entry"/> goes to the next.</summary>
    public Descriptor Descriptor(ref ushort entry)
    {
        var found = At(entry);
        entry = InList(found.Next);
        return new Descriptor { Address = found.Address, Length = found.Length, Third = found.Id, Fourth = found.Flags };
    }

    private static VhostUserException Damaged() => new("the log of what is in flight is damaged");

    /// <summary>An entry, or the end of the list, which is the number behind the last.</summary>
    private ushort InList(ushort entry) => Math.Min(entry, _count);

    /// <summary>Nothing is taken from behind the list's end, unless the front-end has cut it short.</summary>
    private ref EntryPart At(ushort entry) => ref _entries[entry < _count ? entry : 0];

    private void WriteUsed(RingPosition used)
    {
        _used = used;
        _header->UsedWrap = (byte)(used.Wrap ? 1 : 0);
        Volatile.Write(ref _header->UsedIndex, used.Index);
    }

    private void Commit()
    {
        _header->OldFreeHead = _oldFree;
        (_header->OldUsedIndex, _header->OldUsedWrap) = (_used.Index, (byte)(_used.Wrap ? 1 : 0));
    }

    /// <summary>What was being taken counts as not taken.</summary>
    private void FreeTheFree()
    {
        var entry = _free;
        for (var n = 0; entry < _count && n < _count; n++)
        {
            _entries[entry].InFlight = 0;
            entry = _entries[entry].Next;
        }
    }

    private int FindInFlight(Queue<ushort> again)
    {
        var found = new List<(ulong Counter, ushort Head)>();
        var slots = 0;
        for (ushort head = 0; head < _count; head++)
        {
            if (_entries[head].InFlight == 0)
                continue;
            _slots[head] = _entries[head].Count;
            slots += _slots[head];
            if (_slots[head] == 0 || slots > _count)
                throw Damaged();
            found.Add((_entries[head].Counter, head));
        }

        found.Sort();
        found.ForEach(entry => again.Enqueue(entry.Head));
        _counter = found.Count == 0 ? 0 : found[^1].Counter + 1;
        return slots;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct HeaderPart
    {
        public ulong Features;
        public ushort Version;
        public ushort Entries;
        public ushort FreeHead;
        public ushort OldFreeHead;
        public ushort UsedIndex;
        public ushort OldUsedIndex;
        public byte UsedWrap;
        public byte OldUsedWrap;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct EntryPart
    {
        public byte InFlight;
        public byte Padding;
        public ushort Next;
        public ushort Last;
        public ushort Count;
        public ulong Counter;
        public ushort Id;
        public ushort Flags;
        public uint Length;
        public ulong Address;
    }
}
