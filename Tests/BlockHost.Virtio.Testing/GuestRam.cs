// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Virtio.Testing;

/// <summary>
/// Memory of a guest that there is not: a memfd, given to the back-end. Places in it are the guest's addresses.
/// </summary>
public sealed unsafe class GuestRam : IDisposable
{
    private readonly MemoryMapping _mapping;
    private ulong _next = 4096;

    /// <param name="guestAddress">Of the first byte.</param>
    /// <param name="before">Bytes of the same file that are not the guest's: whole pages.</param>
    public GuestRam(int bytes, ulong guestAddress = 0x1000_0000, int before = 0)
    {
        (Size, GuestAddress, Offset) = ((ulong)bytes, guestAddress, (ulong)before);
        Descriptor = Libc.memfd_create("guest", Libc.MFD_CLOEXEC);
        if (Descriptor < 0 || Libc.ftruncate(Descriptor, before + bytes) < 0)
            throw new IOException($"no guest memory: {SystemError.Text(SystemError.Last)}");
        _mapping = MemoryMapping.Of(Descriptor, 0, (nuint)(before + bytes), writable: true);
    }

    public int Descriptor { get; }

    public ulong Size { get; }

    public ulong GuestAddress { get; }

    /// <summary>Of the first byte in the file.</summary>
    public ulong Offset { get; }

    /// <summary>What is not the guest's.</summary>
    public Span<byte> Before => new(_mapping.Start, (int)Offset);

    /// <summary>As the front-end names the first byte.</summary>
    public ulong UserAddress => (ulong)_mapping.Start + Offset;

    public void Dispose()
    {
        _mapping.Dispose();
        _ = Libc.close(Descriptor);
    }

    /// <summary>Memory that nobody else has, zeroed.</summary>
    public ulong Allocate(int bytes, int alignment = 16)
    {
        _next = (_next + (ulong)alignment - 1) & ~((ulong)alignment - 1);
        var address = GuestAddress + _next;
        _next += (ulong)bytes;
        if (_next > Size)
            throw new InvalidOperationException("the guest has no memory left");
        return address;
    }

    public byte* At(ulong guestAddress) => _mapping.Start + Offset + (guestAddress - GuestAddress);

    public Span<byte> Span(ulong guestAddress, int bytes) => new(At(guestAddress), bytes);

    public ulong ToUser(ulong guestAddress) => UserAddress + (guestAddress - GuestAddress);
}
