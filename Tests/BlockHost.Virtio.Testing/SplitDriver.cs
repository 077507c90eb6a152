// SPDX-License-Identifier: MIT
namespace BlockHost.Virtio.Testing;

/// <summary>The driver of a split ring (virtio 1.2, 2.7).</summary>
public sealed unsafe class SplitDriver : RingDriver
{
    private readonly byte* _descriptors;
    private readonly byte* _available;
    private readonly byte* _used;
    private readonly Stack<ushort> _free = new();
    private readonly List<ushort>[] _chains;
    private ushort _next;
    private ushort _told;
    private ushort _taken;

    public SplitDriver(GuestRam ram, RingOptions options)
        : base(ram, options)
    {
        var (descriptors, available, used) = (
            ram.Allocate(16 * Size), ram.Allocate(6 + (2 * Size), 2), ram.Allocate(6 + (8 * Size), 4));
        (Descriptors, DriverArea, DeviceArea) = (ram.ToUser(descriptors), ram.ToUser(available), ram.ToUser(used));
        _descriptors = ram.At(descriptors);
        _available = ram.At(available);
        _used = ram.At(used);
        _chains = new List<ushort>[Size];
        for (var i = Size - 1; i >= 0; i--)
        {
            _free.Push((ushort)i);
            _chains[i] = [];
        }
    }

    public override uint FreshBase => 0;

    public override uint ResumedBase => UsedIndex;

    public override bool HasUsed => UsedIndex != _taken;

    private ushort UsedIndex => Volatile.Read(ref *(ushort*)(_used + 2));

    /// <summary>Makes a chain available whatever there is in it.</summary>
    public void Offer(ushort head)
    {
        *(ushort*)(_available + 4 + (2 * (_next % Size))) = head;
        SetAvailableIndex((ushort)(_next + 1));
    }

    public void SetAvailableIndex(ushort index)
    {
        _next = index;
        Volatile.Write(ref *(ushort*)(_available + 2), index);
    }

    /// <summary>Writes a descriptor of the ring, whatever it says.</summary>
    public void Describe(int index, ulong address, uint length, int flags, int next) =>
        WriteDescriptor(_descriptors + (16 * index), address, length, (ushort)flags, (ushort)next);

    /// <summary>Writes a descriptor of a table somewhere.</summary>
    public void Describe(ulong table, ulong address, uint length, int flags, int next) =>
        WriteDescriptor(Ram.At(table), address, length, (ushort)flags, (ushort)next);

    public override ushort? Submit(ReadOnlySpan<GuestBuffer> chain, bool indirect)
    {
        if (_free.Count < (indirect ? 1 : chain.Length))
            return null;
        var head = _free.Pop();
        _chains[head].Clear();
        _chains[head].Add(head);
        if (indirect)
            WriteTable(head, chain);
        else
            WriteChain(head, chain);
        Offer(head);
        return head;
    }

    public override bool WantsKick()
    {
        Interlocked.MemoryBarrier();
        var (old, next) = (_told, _next);
        _told = _next;
        if (!Options.EventIndex)
            return (Volatile.Read(ref *(ushort*)_used) & 1) == 0;
        return Passes(Volatile.Read(ref *(ushort*)(_used + 4 + (8 * Size))), next, old);
    }

    public override bool TryTake(out ushort id, out uint written)
    {
        (id, written) = (0, 0);
        if (!HasUsed)
            return false;
        var element = _used + 4 + (8 * (_taken % Size));
        (id, written) = ((ushort)*(uint*)element, *(uint*)(element + 4));
        _taken++;
        foreach (var descriptor in _chains[id])
            _free.Push(descriptor);
        return true;
    }

    public override bool EnableCalls()
    {
        if (Options.EventIndex)
            Volatile.Write(ref *(ushort*)(_available + 4 + (2 * Size)), _taken);
        else
            Volatile.Write(ref *(ushort*)_available, (ushort)0);
        Interlocked.MemoryBarrier();
        return HasUsed;
    }

    public override void DisableCalls()
    {
        if (!Options.EventIndex)
            *(ushort*)_available = 1;
    }

    private void WriteTable(ushort head, ReadOnlySpan<GuestBuffer> chain)
    {
        var table = Table(head);
        for (var i = 0; i < chain.Length; i++)
            Write(Ram.At(table) + (16 * i), chain[i], i + 1 < chain.Length, (ushort)(i + 1));
        WriteDescriptor(_descriptors + (16 * head), table, (uint)(16 * chain.Length), IndirectFlag, 0);
    }

    private void WriteChain(ushort head, ReadOnlySpan<GuestBuffer> chain)
    {
        var at = head;
        for (var i = 0; i < chain.Length; i++)
        {
            var more = i + 1 < chain.Length;
            var following = more ? _free.Pop() : (ushort)0;
            Write(_descriptors + (16 * at), chain[i], more, following);
            if (more)
                _chains[head].Add(following);
            at = following;
        }
    }

    private void Write(byte* at, in GuestBuffer buffer, bool more, ushort next) => WriteDescriptor(
        at, buffer.Address, buffer.Length, (ushort)((buffer.Writable ? WriteFlag : 0) | (more ? NextFlag : 0)), next);
}
