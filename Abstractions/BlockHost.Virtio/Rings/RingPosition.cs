// SPDX-License-Identifier: MIT
namespace BlockHost.Virtio.Rings;

/// <summary>A place in a packed ring, and which round it is of.</summary>
/// <param name="Wrap">Turns over with every round; true in the first one.</param>
internal readonly record struct RingPosition(ushort Index, bool Wrap)
{
    public const ushort IndexMask = 0x7FFF;

    /// <summary>As it is on the wire: the index below, the counter in bit 15.</summary>
    public ushort Word => (ushort)(Index | (Wrap ? 0x8000 : 0));

    /// <exception cref="VhostUserException">There is no such place.</exception>
    public static RingPosition Parse(ushort word, ushort size)
    {
        var index = (ushort)(word & IndexMask);
        return index < size
            ? new(index, word > IndexMask)
            : throw new VhostUserException($"a packed ring of {size} descriptors cannot begin at {index}");
    }

    /// <param name="slots">At most <paramref name="size"/>.</param>
    public RingPosition Next(int slots, ushort size)
    {
        var next = Index + slots;
        return next < size ? this with { Index = (ushort)next } : new((ushort)(next - size), !Wrap);
    }

    /// <summary>Flags of a descriptor that has been used at this place.</summary>
    public ushort UsedFlags(uint written) =>
        (ushort)((Wrap ? DescriptorFlags.Available | DescriptorFlags.Used : DescriptorFlags.None)
            | (written > 0 ? DescriptorFlags.Write : DescriptorFlags.None));
}
