// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Checking;

/// <summary>
/// Standard L2 entries in a row that name data clusters in a row, with the same flags: what most tables are full of.
/// </summary>
internal static class PlainRun
{
    /// <returns>Entries of the run that starts at <paramref name="index"/>; 0 where that entry is of another kind.</returns>
    public static int LengthAt(ReadOnlySpan<byte> table, int index, ClusterGeometry geometry)
    {
        var first = BinaryPrimitives.ReadUInt64BigEndian(table[(index * sizeof(ulong))..]);
        var entry = new L2Entry(first);
        if (entry.Compressed || entry.HasReservedBits || entry.HostOffset == 0 || (first & L2Entry.ZeroBit) != 0
            || !geometry.IsClusterAligned(entry.HostOffset))
            return 0;
        var length = 1;
        for (var at = index + 1; at < geometry.L2Entries; at++, length++)
        {
            var expected = first + ((ulong)length << geometry.ClusterBits);
            if (BinaryPrimitives.ReadUInt64BigEndian(table[(at * sizeof(ulong))..]) != expected) break;
        }
        return length;
    }
}
