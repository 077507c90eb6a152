// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Virtio.Memory;

/// <summary>
/// A guest's memory at one time. What a front-end changes makes another one; whoever holds this one goes on using it, and what it
/// maps stays mapped until the last holder has let go.
/// <code>
///   guest address ──► region ──► our address        descriptors name these
///   user address  ──► region ──► our address        rings are named so
/// </code>
/// Every address and length is a stranger's: an answer is for the whole range or there is none.
/// </summary>
public sealed unsafe class GuestMemory
{
    /// <summary>More regions no front-end has that asks first.</summary>
    public const int MaxRegions = 509;

    private readonly MemoryRegion[] _regions;
    private int _holders = 1;

    /// <param name="regions">Held by the caller for this, sorted by guest address.</param>
    private GuestMemory(MemoryRegion[] regions) => _regions = regions;

    /// <summary>Memory of no guest; held once, as every new one.</summary>
    public static GuestMemory Empty() => new([]);

    /// <param name="descriptors">One for each region; they stay the caller's.</param>
    /// <exception cref="VhostUserException">A region cannot be mapped, or two of them overlap.</exception>
    public static GuestMemory Map(ReadOnlySpan<RegionDescription> regions, ReadOnlySpan<int> descriptors)
    {
        var memory = Empty();
        try
        {
            for (var i = 0; i < regions.Length; i++)
            {
                var more = memory.With(regions[i], descriptors[i]);
                memory.Release();
                memory = more;
            }

            return memory;
        }
        catch
        {
            memory.Release();
            throw;
        }
    }

    /// <summary>This and one more region.</summary>
    /// <exception cref="VhostUserException">It cannot be mapped, overlaps, or is one too many.</exception>
    public GuestMemory With(in RegionDescription region, int descriptor)
    {
        if (_regions.Length >= MaxRegions)
            throw new VhostUserException($"more than {MaxRegions} memory regions");
        var added = MemoryRegion.Map(region, descriptor);
        foreach (var other in _regions)
        {
            if (!other.Overlaps(added))
                continue;
            added.Release();
            throw new VhostUserException(
                $"memory regions at 0x{other.Description.GuestAddress:x} and 0x{region.GuestAddress:x} overlap");
        }

        return new GuestMemory(
            [.. _regions.Select(other => other.Hold()).Append(added).OrderBy(other => other.Description.GuestAddress)]);
    }

    /// <summary>This without the region of these addresses and size.</summary>
    /// <exception cref="VhostUserException">There is none.</exception>
    public GuestMemory Without(RegionDescription region)
    {
        var found = _regions.FirstOrDefault(other =>
            other.Description.GuestAddress == region.GuestAddress
            && other.Description.UserAddress == region.UserAddress
            && other.Description.Size == region.Size)
            ?? throw new VhostUserException($"no memory region at 0x{region.GuestAddress:x} of 0x{region.Size:x} bytes");
        return new GuestMemory([.. _regions.Where(other => other != found).Select(other => other.Hold())]);
    }

    public GuestMemory Hold()
    {
        Interlocked.Increment(ref _holders);
        return this;
    }

    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) != 0)
            return;
        foreach (var region in _regions)
            region.Release();
    }

    /// <summary>Our address of a range at a guest's address; null: it is not all in one region.</summary>
    public byte* AtGuestAddress(ulong address, ulong length)
    {
        foreach (var region in _regions)
        {
            var offset = address - region.Description.GuestAddress;
            if (offset < region.Description.Size)
                return length <= region.Description.Size - offset ? region.Start + offset : null;
        }

        return null;
    }

    /// <summary>Our address of a range at the front-end's own address; null: it is not all in one region.</summary>
    public byte* AtUserAddress(ulong address, ulong length)
    {
        foreach (var region in _regions)
        {
            var offset = address - region.Description.UserAddress;
            if (offset < region.Description.Size)
                return length <= region.Description.Size - offset ? region.Start + offset : null;
        }

        return null;
    }

    /// <summary>The guest's address of what is at the front-end's own address; null: it is not the guest's memory.</summary>
    public ulong? GuestAddressOf(ulong userAddress)
    {
        foreach (var region in _regions)
        {
            var offset = userAddress - region.Description.UserAddress;
            if (offset < region.Description.Size)
                return region.Description.GuestAddress + offset;
        }

        return null;
    }

    /// <summary>
    /// Adds a range at a guest's address to <paramref name="target"/>, in as many pieces as it lies in. False: a part of it is
    /// not the guest's memory; then it may have been added in part.
    /// </summary>
    public bool TryAdd(ulong address, uint length, IoVector target)
    {
        ArgumentNullException.ThrowIfNull(target);
        ulong left = length;
        if (address + left < address)
            return false;
        while (left > 0)
        {
            if (Find(address) is not { } region)
                return false;
            var offset = address - region.Description.GuestAddress;
            var piece = region.Slice(offset, Math.Min(left, region.Description.Size - offset));
            target.Add(piece);
            address += (uint)piece.Length;
            left -= (uint)piece.Length;
        }

        return true;
    }

    private MemoryRegion? Find(ulong address)
    {
        foreach (var region in _regions)
        {
            if (address - region.Description.GuestAddress < region.Description.Size)
                return region;
        }

        return null;
    }
}
