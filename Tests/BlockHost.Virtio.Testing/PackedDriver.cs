// SPDX-License-Identifier: MIT
namespace BlockHost.Virtio.Testing;

/// <summary>The driver of a packed ring (virtio 1.2, 2.8).</summary>
public sealed unsafe class PackedDriver : RingDriver
{
    private const ushort AvailableFlag = 1 << 7;
    private const ushort UsedFlag = 1 << 15;

    private readonly byte* _ring;
    private readonly ushort* _driver;
    private readonly ushort* _device;
    private readonly ushort[] _slots;
    private int _freeSlots;
    private ushort _next;
    private bool _wrap = true;
    private ushort _taken;
    private bool _takenWrap = true;
    private int _untold;

    public PackedDriver(GuestRam ram, RingOptions options)
        : base(ram, options)
    {
        var (ring, driver, device) = (ram.Allocate(16 * Size), ram.Allocate(4, 4), ram.Allocate(4, 4));
        (Descriptors, DriverArea, DeviceArea) = (ram.ToUser(ring), ram.ToUser(driver), ram.ToUser(device));
        _ring = ram.At(ring);
        _driver = (ushort*)ram.At(driver);
        _device = (ushort*)ram.At(device);
        _slots = new ushort[Size];
        _freeSlots = Size;
    }

    public override uint FreshBase => 0x8000_8000;

    public override uint ResumedBase => FreshBase;

    public override bool HasUsed
    {
        get
        {
            var flags = Volatile.Read(ref *(ushort*)(_ring + (16 * _taken) + 14));
            return (flags & AvailableFlag) != 0 == _takenWrap && (flags & UsedFlag) != 0 == _takenWrap;
        }
    }

    /// <summary>Makes a descriptor say anything.</summary>
    public void SetFlags(int index, int flags) => Volatile.Write(ref *(ushort*)(_ring + (16 * index) + 14), (ushort)flags);

    public override ushort? Submit(ReadOnlySpan<GuestBuffer> chain, bool indirect)
    {
        var needed = indirect ? 1 : chain.Length;
        if (_freeSlots < needed || !TryTakeId(out var id))
            return null;
        if (indirect)
            WriteTable(id, chain);
        var (first, firstFlags) = (_next, (ushort)0);
        for (var i = 0; i < needed; i++)
        {
            var flags = indirect
                ? IndirectFlag
                : (ushort)((chain[i].Writable ? WriteFlag : 0) | (i + 1 < needed ? NextFlag : 0));
            flags |= _wrap ? AvailableFlag : UsedFlag;
            var (address, length) = indirect ? (Table(id), (uint)(16 * chain.Length)) : (chain[i].Address, chain[i].Length);
            var at = _ring + (16 * _next);
            *(ulong*)at = address;
            *(uint*)(at + 8) = length;
            *(ushort*)(at + 12) = id;
            // The first one's flags make the whole chain available.
            if (i == 0)
                firstFlags = flags;
            else
                *(ushort*)(at + 14) = flags;
            if (++_next == Size)
                (_next, _wrap) = (0, !_wrap);
        }

        Volatile.Write(ref *(ushort*)(_ring + (16 * first) + 14), firstFlags);
        _slots[id] = (ushort)needed;
        _freeSlots -= needed;
        _untold += needed;
        return id;
    }

    public override bool WantsKick()
    {
        Interlocked.MemoryBarrier();
        var untold = _untold;
        _untold = 0;
        var flags = Volatile.Read(ref _device[1]);
        if (flags != 2)
            return flags == 0;
        var wanted = _device[0];
        var index = (ushort)(wanted & 0x7FFF);
        if (wanted >> 15 != (_wrap ? 1 : 0))
            index = (ushort)(index - Size);
        return Passes(index, _next, (ushort)(_next - untold));
    }

    public override bool TryTake(out ushort id, out uint written)
    {
        (id, written) = (0, 0);
        if (!HasUsed)
            return false;
        var at = _ring + (16 * _taken);
        (id, written) = (*(ushort*)(at + 12), *(uint*)(at + 8));
        var slots = _slots[id];
        _freeSlots += slots;
        GiveId(id);
        var next = _taken + slots;
        if (next >= Size)
            (next, _takenWrap) = (next - Size, !_takenWrap);
        _taken = (ushort)next;
        return true;
    }

    public override bool EnableCalls()
    {
        if (Options.EventIndex)
        {
            _driver[0] = (ushort)(_taken | (_takenWrap ? 0x8000 : 0));
            Volatile.Write(ref _driver[1], (ushort)2);
        }
        else
        {
            Volatile.Write(ref _driver[1], (ushort)0);
        }

        Interlocked.MemoryBarrier();
        return HasUsed;
    }

    public override void DisableCalls() => Volatile.Write(ref _driver[1], (ushort)1);

    private void WriteTable(ushort id, ReadOnlySpan<GuestBuffer> chain)
    {
        for (var i = 0; i < chain.Length; i++)
            WriteDescriptor(
                Ram.At(Table(id)) + (16 * i), chain[i].Address, chain[i].Length, 0, chain[i].Writable ? WriteFlag : (ushort)0);
    }
}
