// SPDX-License-Identifier: MIT
using BlockHost.Posix;
using BlockHost.Virtio.Memory;
using BlockHost.Virtio.Rings;

namespace BlockHost.Virtio.InFlight;

/// <summary>Which part of a descriptor's memory is the buffer, as GET_INFLIGHT_FD and SET_INFLIGHT_FD have it.</summary>
public readonly record struct InFlightLayout(ulong Size, ulong Offset, ushort Queues, ushort QueueSize);

/// <summary>
/// Memory where a back-end notes what it has begun, and which the front-end keeps for the one that comes after its death
/// (vhost-user, "Inflight I/O tracking"): a region for each queue, at multiples of 64 bytes. All regions have room for either
/// kind of ring, so that what is found does not depend on features.
/// </summary>
public sealed unsafe class InFlightBuffer : IDisposable
{
    private const uint Alignment = 64;

    private readonly MemoryMapping _mapping;
    private readonly InFlightLayout _layout;

    private InFlightBuffer(MemoryMapping mapping, in InFlightLayout layout)
    {
        _mapping = mapping;
        _layout = layout;
    }

    /// <summary>A new one, with a descriptor that is the caller's.</summary>
    /// <exception cref="VhostUserException">So many queues, or of such a size, there are not; or there is no memory.</exception>
    public static (int Descriptor, InFlightLayout Layout) Create(ushort queues, ushort queueSize)
    {
        if (queues == 0 || queueSize is 0 or > Virtqueue.MaxSize)
            throw new VhostUserException($"a log of {queues} queues of {queueSize} descriptors");
        var layout = new InFlightLayout(queues * (ulong)Stride(queueSize), 0, queues, queueSize);
        var descriptor = Libc.memfd_create("vhost-user-inflight", Libc.MFD_CLOEXEC | Libc.MFD_ALLOW_SEALING);
        if (descriptor < 0)
            throw new VhostUserException($"no memory for a log: {SystemError.Text(SystemError.Last)}");
        // A front-end that could cut it short would end this process.
        const int seals = Libc.F_SEAL_SHRINK | Libc.F_SEAL_GROW | Libc.F_SEAL_SEAL;
        if (Libc.ftruncate(descriptor, (long)layout.Size) == 0 && Libc.fcntl(descriptor, Libc.F_ADD_SEALS, seals) == 0)
            return (descriptor, layout);
        var errno = SystemError.Last;
        _ = Libc.close(descriptor);
        throw new VhostUserException($"no memory for a log: {SystemError.Text(errno)}");
    }

    /// <param name="descriptor">Stays the caller's.</param>
    /// <exception cref="VhostUserException">It is not such a buffer.</exception>
    public static InFlightBuffer Map(int descriptor, in InFlightLayout layout)
    {
        var needed = layout.Queues * (ulong)Stride(layout.QueueSize);
        if (layout.Queues == 0 || layout.QueueSize is 0 or > Virtqueue.MaxSize || layout.Size < needed
            || layout.Offset % Alignment != 0 || layout.Offset > long.MaxValue - needed)
            throw new VhostUserException(
                $"a log of 0x{layout.Size:x} bytes at 0x{layout.Offset:x}, "
                + $"for {layout.Queues} queues of {layout.QueueSize} descriptors");
        try
        {
            return new InFlightBuffer(SharedFile.Map(descriptor, layout.Offset + needed, "the log of what is in flight"), layout);
        }
        catch (Block.BlockException e)
        {
            throw new VhostUserException($"the log of what is in flight: {e.Message}", e);
        }
    }

    /// <summary>The region of a queue; null: the buffer has none.</summary>
    public InFlightRegion? Region(int queue) => queue >= _layout.Queues
        ? null
        : new InFlightRegion(_mapping.Start + _layout.Offset + ((ulong)queue * Stride(_layout.QueueSize)), _layout.QueueSize);

    public void Dispose() => _mapping.Dispose();

    private static uint Stride(ushort queueSize) =>
        (PackedInFlightLog.Header + (PackedInFlightLog.Entry * (uint)queueSize) + Alignment - 1) & ~(Alignment - 1);
}

/// <summary>The part of one queue; of use until its buffer is disposed.</summary>
public sealed unsafe class InFlightRegion
{
    internal InFlightRegion(byte* start, ushort entries)
    {
        Start = start;
        Entries = entries;
    }

    internal byte* Start { get; }

    internal ushort Entries { get; }

    /// <exception cref="VhostUserException">The log is of another ring, or of an unknown kind.</exception>
    /// <returns>The region has not been used yet; its version says that it has from now on.</returns>
    internal bool Begin(ushort ringSize)
    {
        const int Version = 8;
        const int Count = 10;
        ref var version = ref *(ushort*)(Start + Version);
        if (version == 0)
        {
            if (ringSize > Entries)
                throw new VhostUserException($"a ring of {ringSize} descriptors, and a log for {Entries}");
            *(ushort*)(Start + Count) = ringSize;
            Volatile.Write(ref version, 1);
            return true;
        }

        if (version != 1)
            throw new VhostUserException($"a log of version {version}");
        return *(ushort*)(Start + Count) == ringSize && ringSize <= Entries
            ? false
            : throw new VhostUserException($"a ring of {ringSize} descriptors, and a log of another");
    }
}
