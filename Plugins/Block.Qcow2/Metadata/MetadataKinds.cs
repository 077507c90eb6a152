// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>The metadata structures that a write can be checked not to hit (option overlap-check).</summary>
[Flags]
internal enum MetadataKinds
{
    None = 0,
    MainHeader = 1 << 0,
    ActiveL1 = 1 << 1,
    ActiveL2 = 1 << 2,
    RefcountTable = 1 << 3,
    RefcountBlock = 1 << 4,
    SnapshotTable = 1 << 5,
    InactiveL1 = 1 << 6,
    InactiveL2 = 1 << 7,
    BitmapDirectory = 1 << 8,

    /// <summary>One place each: checked in constant time.</summary>
    Constant = MainHeader | ActiveL1 | RefcountTable | SnapshotTable | BitmapDirectory,

    /// <summary>What is known without reading from the image.</summary>
    Cached = Constant | ActiveL2 | RefcountBlock | InactiveL1,
    All = Cached | InactiveL2,
}

internal static class MetadataKindNames
{
    /// <summary>QEMU's name of the (first) structure.</summary>
    public static string Describe(this MetadataKinds kinds) => ((int)kinds & -(int)kinds) switch
    {
        (int)MetadataKinds.MainHeader => "qcow2_header",
        (int)MetadataKinds.ActiveL1 => "active L1 table",
        (int)MetadataKinds.ActiveL2 => "active L2 table",
        (int)MetadataKinds.RefcountTable => "refcount table",
        (int)MetadataKinds.RefcountBlock => "refcount block",
        (int)MetadataKinds.SnapshotTable => "snapshot table",
        (int)MetadataKinds.InactiveL1 => "inactive L1 table",
        (int)MetadataKinds.InactiveL2 => "inactive L2 table",
        _ => "bitmap directory",
    };
}
