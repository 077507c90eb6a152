// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>
/// An L2 entry as everything but <see cref="ClusterEntryCodec"/> sees it, whichever form it has on disk. A cluster of an
/// image with standard entries counts as one of a single subcluster.
/// </summary>
/// <param name="Descriptor">Without the zero bit, which is in <paramref name="Subclusters"/>.</param>
internal readonly record struct ClusterEntry(L2Entry Descriptor, SubclusterBitmap Subclusters)
{
    public static ClusterEntry Unallocated => default;

    public bool IsCompressed => Descriptor.Compressed;

    /// <summary>Host offset of a standard cluster; 0 when there is none.</summary>
    public long HostOffset => Descriptor.Compressed ? 0 : Descriptor.HostOffset;

    /// <summary>Has a host cluster that nothing else refers to: writes may go in place.</summary>
    public bool IsOwned => Descriptor.Copied && HostOffset != 0;

    /// <summary>Neither half contradicts itself or the other one.</summary>
    public bool IsSound(ClusterGeometry geometry) =>
        IsCompressed
            || (geometry.IsClusterAligned(HostOffset) && Subclusters.IsValid && (HostOffset != 0 || Subclusters.Allocated == 0));

    /// <summary>The same subclusters, of which <paramref name="count"/> are data now, in a host cluster that is owned.</summary>
    public ClusterEntry WithData(long hostOffset, int first, int count) =>
        new(L2Entry.Owned(hostOffset), (IsCompressed ? default : Subclusters).WithData(first, count));

    public ClusterEntry WithZero(int first, int count) => this with { Subclusters = Subclusters.WithZero(first, count) };

    /// <summary>Reads as zeroes and owns no host cluster.</summary>
    public static ClusterEntry PlainZero(ClusterGeometry geometry) =>
        new(L2Entry.Unallocated, default(SubclusterBitmap).WithZero(0, geometry.Subclusters));
}

/// <summary>The two forms of an L2 entry on disk ("L2 table entry", "Extended L2 Entries").</summary>
/// <remarks>
/// <code>
/// standard:  | descriptor, bit 0: reads as zeroes |                         8 bytes
/// extended:  | descriptor, bit 0: reserved        | subcluster bitmap |    16 bytes
/// </code>
/// </remarks>
internal static class ClusterEntryCodec
{
    /// <summary>Version 2 has no zero bit: what has it set is not sound.</summary>
    public static ClusterEntry FromStandard(ulong raw, int version)
    {
        var entry = new L2Entry(raw);
        if (entry.Compressed) return new ClusterEntry(entry, default);
        var descriptor = new L2Entry(raw & ~L2Entry.ZeroBit);
        return (raw & L2Entry.ZeroBit, entry.HostOffset) switch
        {
            (0, 0) => new ClusterEntry(descriptor, default),
            (0, _) => new ClusterEntry(descriptor, default(SubclusterBitmap).WithData(0, 1)),
            _ when version < 3 => new ClusterEntry(descriptor, SubclusterBitmap.Contradiction),
            _ => new ClusterEntry(descriptor, default(SubclusterBitmap).WithZero(0, 1)),
        };
    }

    /// <summary>The first eight bytes, or all of them.</summary>
    public static ulong DescriptorOnDisk(ClusterEntry entry, ClusterGeometry geometry) =>
        geometry.ExtendedL2 ? entry.Descriptor.Raw : entry.Descriptor.Raw | (entry.Subclusters.Zero & 1);

    public static ClusterEntry FromExtended(ulong descriptor, ulong bitmap) =>
        new(new L2Entry(descriptor), new SubclusterBitmap(bitmap));
}
