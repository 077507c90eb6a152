// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Export.VhostUserBlk.Device;

/// <summary>Feature bits of virtio-blk (virtio 1.2, 5.2.3).</summary>
[Flags]
internal enum BlkFeatures : ulong
{
    None = 0,
    SizeMax = 1UL << 1,
    SegMax = 1UL << 2,
    ReadOnly = 1UL << 5,
    BlockSize = 1UL << 6,
    Flush = 1UL << 9,
    Topology = 1UL << 10,
    ConfigWriteCache = 1UL << 11,
    MultiQueue = 1UL << 12,
    Discard = 1UL << 13,
    WriteZeroes = 1UL << 14,
}

/// <summary>Types of requests (virtio 1.2, 5.2.6).</summary>
internal enum BlkRequestType : uint
{
    Read = 0,
    Write = 1,
    Flush = 4,
    GetId = 8,
    Discard = 11,
    WriteZeroes = 13,

    /// <summary>VIRTIO_BLK_T_BARRIER, a flag of old drivers that means nothing.</summary>
    Barrier = 0x80000000,
}

/// <summary>The byte at a request's end.</summary>
internal enum BlkStatus : byte
{
    Ok = 0,
    IoError = 1,
    Unsupported = 2,
}
