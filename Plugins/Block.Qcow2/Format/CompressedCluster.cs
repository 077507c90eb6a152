// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>
/// Where the compressed bytes of a cluster lie. They start anywhere and end somewhere in their last 512-byte sector,
/// so <see cref="Length"/> is an upper bound.
/// </summary>
/// <remarks>
/// <code>
/// 63  62  61..x                        x-1..0                 x = 62 - (cluster bits - 8)
/// 0   1   sectors beyond the first     host offset in bytes
/// </code>
/// </remarks>
internal readonly record struct CompressedCluster(long HostOffset, int Length)
{
    private const int SectorSize = 512;

    /// <summary>Bytes between the offset and the end of the last sector the entry names.</summary>
    public static CompressedCluster Decode(L2Entry entry, ClusterGeometry geometry)
    {
        var offsetBits = OffsetBits(geometry);
        var offset = (long)(entry.Raw & ((1UL << offsetBits) - 1));
        var sectors = (int)(entry.Raw >> offsetBits) & ((1 << (geometry.ClusterBits - 8)) - 1);
        return new CompressedCluster(offset, ((sectors + 1) * SectorSize) - (int)(offset & (SectorSize - 1)));
    }

    public L2Entry Encode(ClusterGeometry geometry)
    {
        var offsetBits = OffsetBits(geometry);
        var sectors = (ulong)(((HostOffset + Length - 1) >> 9) - (HostOffset >> 9));
        if (HostOffset < 0 || HostOffset >> offsetBits != 0 || sectors >> (geometry.ClusterBits - 8) != 0)
            throw new Qcow2FormatException(
                "A compressed cluster lies beyond what its descriptor can address", Qcow2Fault.TooLarge);
        return new L2Entry(L2Entry.CompressedBit | (sectors << offsetBits) | (ulong)HostOffset);
    }

    private static int OffsetBits(ClusterGeometry geometry) => 62 - (geometry.ClusterBits - 8);
}
