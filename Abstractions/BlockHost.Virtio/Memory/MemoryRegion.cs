// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Virtio.Memory;

/// <summary>Where a front-end says that a piece of its guest's memory is, and how it is reached.</summary>
/// <param name="GuestAddress">The guest's physical address of the first byte.</param>
/// <param name="Size">In bytes.</param>
/// <param name="UserAddress">The front-end's own address of the first byte.</param>
/// <param name="Offset">Of the first byte in what the descriptor maps.</param>
public readonly record struct RegionDescription(ulong GuestAddress, ulong Size, ulong UserAddress, ulong Offset);

/// <summary>A piece of a guest's memory, mapped until nobody holds it any more.</summary>
internal sealed unsafe class MemoryRegion
{
    private const int WindowBits = 30;

    private readonly MemoryMapping _mapping;
    private readonly MappedWindow[] _windows;
    private int _holders = 1;

    private MemoryRegion(in RegionDescription description, MemoryMapping mapping)
    {
        _mapping = mapping;
        Description = description;
        Start = mapping.Start + description.Offset;
        _windows = new MappedWindow[(description.Size + (1UL << WindowBits) - 1) >> WindowBits];
        for (var i = 0; i < _windows.Length; i++)
        {
            var begin = (ulong)i << WindowBits;
            _windows[i] = new MappedWindow(Start + begin, (int)Math.Min(description.Size - begin, 1UL << WindowBits));
        }
    }

    public RegionDescription Description { get; }

    public byte* Start { get; }

    /// <param name="descriptor">Stays the caller's; the mapping does not need it.</param>
    /// <exception cref="VhostUserException">The region is none, or the descriptor has no such part.</exception>
    public static MemoryRegion Map(in RegionDescription region, int descriptor)
    {
        if (region.Size == 0)
            throw new VhostUserException($"memory region at 0x{region.GuestAddress:x} is empty");
        if (Overflows(region.GuestAddress, region.Size) || Overflows(region.UserAddress, region.Size)
            || Overflows(region.Offset, region.Size) || region.Offset + region.Size > long.MaxValue)
            throw new VhostUserException(
                $"memory region at 0x{region.GuestAddress:x} of 0x{region.Size:x} bytes at 0x{region.Offset:x} has no end");
        var what = $"memory region at 0x{region.GuestAddress:x}";
        try
        {
            return new MemoryRegion(region, SharedFile.Map(descriptor, region.Offset + region.Size, what));
        }
        catch (Block.BlockException e)
        {
            throw new VhostUserException($"{what}: {e.Message}", e);
        }
    }

    /// <summary>As much of the range as one <see cref="Memory{T}"/> holds.</summary>
    /// <param name="offset">Inside the region, as the range's end is.</param>
    public Memory<byte> Slice(ulong offset, ulong length)
    {
        var inWindow = (int)(offset & ((1UL << WindowBits) - 1));
        return _windows[offset >> WindowBits].Slice(inWindow, (int)Math.Min(length, (1UL << WindowBits) - (ulong)inWindow));
    }

    public bool Overlaps(MemoryRegion other) =>
        Overlap(Description.GuestAddress, Description.Size, other.Description.GuestAddress, other.Description.Size)
        || Overlap(Description.UserAddress, Description.Size, other.Description.UserAddress, other.Description.Size);

    public MemoryRegion Hold()
    {
        Interlocked.Increment(ref _holders);
        return this;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
            _mapping.Dispose();
    }

    private static bool Overflows(ulong start, ulong size) => start + size < start;

    private static bool Overlap(ulong a, ulong aSize, ulong b, ulong bSize) => a < b + bSize && b < a + aSize;
}
