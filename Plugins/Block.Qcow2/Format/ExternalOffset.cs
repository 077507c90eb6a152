// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>
/// Host offsets in an image with an external data file. On disk they are the guest's own, so that 0 is a place like any
/// other and only the COPIED bit tells whether it is taken. In memory they carry a mark, and 0 means none as ever.
/// </summary>
internal static class ExternalOffset
{
    /// <summary>The highest bit of an offset in an L2 entry; larger disks are refused.</summary>
    public const long Mark = 1L << 55;

    /// <summary>An L2 entry's first eight bytes as the rest of the driver sees them.</summary>
    public static ulong FromDisk(ulong descriptor)
    {
        var isPlace = (descriptor & (L2Entry.OffsetMask | L2Entry.CopiedBit)) != 0 && (descriptor & L2Entry.CompressedBit) == 0;
        return isPlace ? descriptor | (ulong)Mark : descriptor;
    }

    public static ulong ToDisk(ulong descriptor) => descriptor & ~(ulong)Mark;
}
