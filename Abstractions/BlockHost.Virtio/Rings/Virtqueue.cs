// SPDX-License-Identifier: MIT
using BlockHost.Virtio.InFlight;
using BlockHost.Virtio.Memory;

namespace BlockHost.Virtio.Rings;

/// <summary>Where a ring lies, as its front-end has named it (vhost-user, "A vring address description").</summary>
/// <param name="Descriptors">User address of the descriptors.</param>
/// <param name="Driver">Of what the driver writes: the available ring, or the driver's event suppression.</param>
/// <param name="Device">Of what the device writes: the used ring, or the device's event suppression.</param>
/// <param name="LogAddress">Where writes of the used ring are logged, as if it lay there; null: they are not.</param>
public readonly record struct RingAddresses(ulong Descriptors, ulong Driver, ulong Device, ulong? LogAddress);

/// <summary>What a ring is, from its start to its stop.</summary>
/// <param name="Size">Descriptors.</param>
/// <param name="Base">Where to begin, as SET_VRING_BASE has it.</param>
public readonly record struct RingSettings(ushort Size, uint Base, VirtioFeatures Features);

public enum TakeResult
{
    /// <summary>A chain has been taken.</summary>
    Taken,

    Empty,

    /// <summary>The driver has left the rules; <see cref="Virtqueue.Fault"/> says how. No more is taken.</summary>
    Broken,
}

/// <summary>
/// The device's side of one ring. Chains that are done gather until <see cref="Publish"/>, which shows all of them to the driver
/// at once. Not thread safe: a ring belongs to one loop.
/// </summary>
public abstract unsafe class Virtqueue
{
    /// <summary>More descriptors no ring and no indirect table may have.</summary>
    public const int MaxSize = 1024;

    private readonly Done[] _done;
    private int _doneCount;

    private protected Virtqueue(in RingSettings settings, GuestMemory memory, in RingAddresses addresses)
    {
        Size = settings.Size;
        HasEventIndex = (settings.Features & VirtioFeatures.EventIndex) != 0;
        HasIndirect = (settings.Features & VirtioFeatures.IndirectDescriptors) != 0;
        _done = new Done[settings.Size];
        Memory = memory.Hold();
        Addresses = addresses;
    }

    public ushort Size { get; }

    /// <summary>Chains taken and not yet published.</summary>
    public int InFlight { get; private set; }

    /// <summary>What the driver has done wrong.</summary>
    public string? Fault { get; private set; }

    /// <summary>Where the ring goes on after a stop, for GET_VRING_BASE.</summary>
    public abstract uint Base { get; }

    /// <summary>Chains wait that have not been taken, or have to be taken again.</summary>
    public abstract bool HasAvailable { get; }

    /// <summary>What is written into the guest's memory is marked there.</summary>
    public DirtyLog? Log { get; set; }

    private protected bool HasEventIndex { get; }

    private protected bool HasIndirect { get; }

    private protected GuestMemory Memory { get; private set; }

    private protected RingAddresses Addresses { get; private set; }

    private protected ReadOnlySpan<Done> Batch => _done.AsSpan(0, _doneCount);

    /// <exception cref="VhostUserException">The ring does not lie in the guest's memory, or cannot be such a ring.</exception>
    /// <param name="log">Where chains in flight are noted, for the process after this one; null: nowhere.</param>
    public static Virtqueue Create(
        in RingSettings settings, GuestMemory memory, in RingAddresses addresses, InFlightRegion? log = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (settings.Size is 0 or > MaxSize)
            throw new VhostUserException($"a ring of {settings.Size} descriptors");
        return (settings.Features & VirtioFeatures.PackedRing) != 0
            ? new PackedQueue(settings, memory, addresses, log)
            : new SplitQueue(settings, memory, addresses, log);
    }

    /// <summary>
    /// The next chain. Those come first that were in flight when the process before this one ended, in the order in which it took
    /// them.
    /// </summary>
    public TakeResult TryTake(DescriptorChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        if (Fault is not null)
            return TakeResult.Broken;
        if (!HasAvailable)
            return TakeResult.Empty;
        // A driver has no more chains than descriptors: one that says so would have this process hold any number.
        if (InFlight >= Size)
            return Break("more chains than descriptors");
        chain.Begin(Memory);
        if (Read(chain) is { } fault)
        {
            chain.End();
            return Break(fault);
        }

        InFlight++;
        return TakeResult.Taken;
    }

    /// <summary>The device is done with a chain, and lets go of the guest's memory.</summary>
    /// <param name="written">Bytes, from the first writable one on.</param>
    public void Complete(DescriptorChain chain, uint written)
    {
        ArgumentNullException.ThrowIfNull(chain);
        if (Log is { } log)
            chain.MarkWritten(log);
        _done[_doneCount++] = new(chain.Id, chain.Slots, chain.LogEntry, written);
        chain.End();
    }

    /// <summary>Shows the driver what is done. True: it wants to be told.</summary>
    public bool Publish()
    {
        if (_doneCount == 0)
            return false;
        var wanted = PublishBatch();
        InFlight -= _doneCount;
        _doneCount = 0;
        return wanted;
    }

    /// <summary>The driver need not tell of new chains: they are looked for.</summary>
    public abstract void DisableKicks();

    /// <summary>The driver is to tell of the next chain. True: there is one already.</summary>
    public abstract bool EnableKicks();

    /// <summary>The same ring in other memory, or at another place in it. What is in flight goes on in the old memory.</summary>
    /// <exception cref="VhostUserException">It does not lie there.</exception>
    public void Move(GuestMemory memory, in RingAddresses addresses)
    {
        ArgumentNullException.ThrowIfNull(memory);
        Locate(memory, addresses);
        var old = Memory;
        (Memory, Addresses) = (memory.Hold(), addresses);
        old.Release();
    }

    /// <summary>No more is taken, as by the driver's own fault.</summary>
    public TakeResult Break(string fault)
    {
        Fault ??= fault;
        return TakeResult.Broken;
    }

    /// <summary>After the last chain: lets go of the guest's memory.</summary>
    public void Close() => Memory.Release();

    /// <summary>Finds the ring's parts.</summary>
    private protected abstract void Locate(GuestMemory memory, in RingAddresses addresses);

    /// <summary>Null: the next chain has been read; else what is wrong.</summary>
    private protected abstract string? Read(DescriptorChain chain);

    private protected abstract bool PublishBatch();

    /// <summary>vring_need_event (virtio 1.2, 2.7.7.1): whether the step from one index to another has passed an event.</summary>
    private protected static bool Passes(ushort wanted, ushort next, ushort old) =>
        (ushort)(next - wanted - 1) < (ushort)(next - old);

    private protected static byte* Located(byte* place, string part, ulong address) =>
        place is not null
            ? place
            : throw new VhostUserException($"the ring's {part} at 0x{address:x} is not in the guest's memory");

    private protected static byte* Aligned(byte* place, uint alignment, string part, ulong address) =>
        ((nuint)place & (alignment - 1)) == 0
            ? place
            : throw new VhostUserException($"the ring's {part} at 0x{address:x} is not at a multiple of {alignment}");

    /// <summary>A chain that is done and not yet published.</summary>
    internal readonly record struct Done(ushort Id, ushort Slots, ushort LogEntry, uint Written);
}
