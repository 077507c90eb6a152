// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>Names what is wrong with an L2 entry, in QEMU's words.</summary>
/// <param name="table">Host offset of the L2 table.</param>
internal readonly struct MappingFault(ClusterGeometry geometry, bool isExternal, long guestOffset, long table)
{
    private string Where => $"(L2 offset: {CHex.Of(table)}, L2 index: {CHex.Of(geometry.L2Index(guestOffset))})";

    public string Describe(ClusterEntry entry)
    {
        if (isExternal && entry.IsCompressed)
            return $"Compressed cluster entry found in image with external data file {Where}";
        var host = isExternal ? entry.HostOffset & ~ExternalOffset.Mark : entry.HostOffset;
        if (!geometry.IsClusterAligned(host))
            return $"Cluster allocation offset {CHex.Of(host)} unaligned {Where}";
        if (isExternal && entry.HostOffset != 0 && host != geometry.ClusterStart(guestOffset))
        {
            return $"External data file host cluster offset {CHex.Of(host)} does not match guest cluster offset: "
                + $"{CHex.Of(geometry.ClusterStart(guestOffset))}, L2 index: {CHex.Of(geometry.L2Index(guestOffset))})";
        }
        return geometry.ExtendedL2
            ? $"Invalid cluster entry found  {Where}"
            : $"Zero cluster entry found in pre-v3 image {Where}";
    }
}
