// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Virtio.Testing;

/// <summary>A piece of a request: a place in the guest's memory.</summary>
/// <param name="Writable">For the device.</param>
public readonly record struct GuestBuffer(ulong Address, uint Length, bool Writable);

/// <summary>Which kind of ring, and what both sides may do.</summary>
public sealed record RingOptions
{
    public ushort Size { get; init; } = 128;

    public bool Packed { get; init; }

    public bool EventIndex { get; init; } = true;
}

/// <summary>The driver's side of a ring, as a guest's kernel has it.</summary>
public abstract unsafe class RingDriver : IDisposable
{
    private protected const ushort NextFlag = 1;
    private protected const ushort WriteFlag = 2;
    private protected const ushort IndirectFlag = 4;
    private protected const int TableEntries = 160;

    private readonly Stack<ushort> _freeIds = new();
    private readonly ulong[] _tables;

    private protected RingDriver(GuestRam ram, RingOptions options)
    {
        (Ram, Options) = (ram, options);
        Kick = Event();
        Call = Event();
        Error = Event();
        _tables = new ulong[options.Size];
        for (var id = options.Size - 1; id >= 0; id--)
            _freeIds.Push((ushort)id);
    }

    public int Kick { get; }

    public int Call { get; }

    public int Error { get; }

    public ulong Descriptors { get; private protected init; }

    public ulong DriverArea { get; private protected init; }

    public ulong DeviceArea { get; private protected init; }

    /// <summary>Where a back-end that knows nothing of the ring begins.</summary>
    public abstract uint FreshBase { get; }

    /// <summary>Where one begins whose predecessor has died, as QEMU says it.</summary>
    public abstract uint ResumedBase { get; }

    public RingOptions Options { get; }

    protected GuestRam Ram { get; }

    protected ushort Size => Options.Size;

    public static RingDriver Create(GuestRam ram, RingOptions options) =>
        options.Packed ? new PackedDriver(ram, options) : new SplitDriver(ram, options);

    /// <summary>Makes a chain available, without telling the device. Null: there is no room.</summary>
    public abstract ushort? Submit(ReadOnlySpan<GuestBuffer> chain, bool indirect);

    /// <summary>The device wants to be told of what has been submitted since the last question.</summary>
    public abstract bool WantsKick();

    /// <summary>A chain that the device is done with.</summary>
    public abstract bool TryTake(out ushort id, out uint written);

    /// <summary>Asks for a call with the next chain. True: one is there already.</summary>
    public abstract bool EnableCalls();

    public abstract void DisableCalls();

    /// <summary>Whether a used chain waits to be taken.</summary>
    public abstract bool HasUsed { get; }

    public void KickNow() => Signal(Kick);

    public static void Signal(int descriptor)
    {
        var one = 1L;
        _ = Libc.write(descriptor, &one, sizeof(long));
    }

    /// <summary>Waits for the device's call.</summary>
    public bool WaitForCall(int milliseconds) => WaitFor(Call, milliseconds);

    public static bool WaitFor(int descriptor, int milliseconds)
    {
        var poll = new PollDescriptor { Descriptor = descriptor, Events = 1 };
        if (Libc.poll(&poll, 1, milliseconds) != 1)
            return false;
        long count;
        return Libc.read(descriptor, &count, sizeof(long)) == sizeof(long);
    }

    public void Dispose()
    {
        _ = Libc.close(Kick);
        _ = Libc.close(Call);
        _ = Libc.close(Error);
        GC.SuppressFinalize(this);
    }

    private protected bool TryTakeId(out ushort id) => _freeIds.TryPop(out id);

    private protected void GiveId(ushort id) => _freeIds.Push(id);

    private protected int FreeIds => _freeIds.Count;

    private protected ulong Table(ushort id) => _tables[id] != 0 ? _tables[id] : _tables[id] = Ram.Allocate(TableEntries * 16);

    private protected void WriteDescriptor(byte* at, ulong address, uint length, ushort third, ushort fourth)
    {
        *(ulong*)at = address;
        *(uint*)(at + 8) = length;
        *(ushort*)(at + 12) = third;
        *(ushort*)(at + 14) = fourth;
    }

    private protected static bool Passes(ushort wanted, ushort next, ushort old) =>
        (ushort)(next - wanted - 1) < (ushort)(next - old);

    private static int Event()
    {
        var descriptor = Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK);
        return descriptor >= 0 ? descriptor : throw new IOException($"no eventfd: {SystemError.Text(SystemError.Last)}");
    }
}
