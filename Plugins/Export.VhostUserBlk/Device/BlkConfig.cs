// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Export.VhostUserBlk.Device;

/// <summary>
/// The configuration space (virtio 1.2, 5.2.4), little-endian:
/// <code>
///    0 │ capacity u64 in sectors │ size_max u32 │ seg_max u32 │ geometry │
///   20 │ blk_size u32 │ physical_block_exp u8 │ alignment_offset u8 │ min_io_size u16 │ opt_io_size u32 │
///   32 │ writeback u8 │ u8 │ num_queues u16 │ max_discard_sectors u32 │ max_discard_seg u32 │ discard_sector_alignment u32 │
///   48 │ max_write_zeroes_sectors u32 │ max_write_zeroes_seg u32 │ write_zeroes_may_unmap u8 │ 3 bytes │
/// </code>
/// </summary>
internal static class BlkConfig
{
    public const int Length = 60;
    public const int WriteCache = 32;

    /// <summary>The unit of all places and lengths, whatever the block size.</summary>
    public const int SectorSize = 512;

    /// <summary>Data descriptors of a request: a ring of 128 takes it with its header and status.</summary>
    public const int MaxSegments = 126;

    /// <summary>Of a discard or write-zeroes request; as QEMU's.</summary>
    public const uint MaxRangeSectors = 32768;

    public static void Write(Span<byte> target, long length, int blockSize, ushort queues, bool writeCache)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(target, (ulong)length / SectorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(target[12..], MaxSegments);
        BinaryPrimitives.WriteUInt32LittleEndian(target[20..], (uint)blockSize);
        BinaryPrimitives.WriteUInt16LittleEndian(target[26..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(target[28..], 1);
        target[WriteCache] = (byte)(writeCache ? 1 : 0);
        BinaryPrimitives.WriteUInt16LittleEndian(target[34..], queues);
        BinaryPrimitives.WriteUInt32LittleEndian(target[36..], MaxRangeSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(target[40..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(target[44..], (uint)(blockSize / SectorSize));
        BinaryPrimitives.WriteUInt32LittleEndian(target[48..], MaxRangeSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(target[52..], 1);
        target[56] = 1;
    }
}
