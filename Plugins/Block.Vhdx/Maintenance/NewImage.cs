// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx.Maintenance;

/// <summary>Where everything goes in an image that is to be made:
/// <code>
///   1M log │ table │ metadata (1M) │ 4M, free │ blocks of a fixed image
/// </code>
/// </summary>
internal sealed class NewImage
{
    private const int UsualSector = 512;
    private const long LargestDisk = 64L << 40;
    private const long LargestBlock = 256L << 20;
    private const long GapBeforeBlocks = 4L << 20;

    private readonly NewParent? _parent;

    /// <exception cref="BlockException">The options are not possible, in QEMU's words.</exception>
    public NewImage(VhdxCreateOptions options, NewParent? parent = null)
    {
        _parent = parent;
        var sectorSize = parent?.SectorSize ?? UsualSector;
        Length = RequireLength(options.Size, sectorSize);
        LogLength = RequireLogLength(options.LogSize ?? FileLayout.MiB);
        var blockSize = RequireBlockSize(options.BlockSize ?? 0);
        IsFixed = options.Subformat == BlockdevVhdxSubformat.Fixed;
        TableOffset = FileLayout.MiB + LogLength;
        Table = new BlockTable(TableOffset, blockSize, sectorSize, Length, HasBitmaps: parent is not null);
        TableLength = (uint)FileLayout.RoundUp(Table.Entries * BlockTable.EntrySize);
        EmptyState = parent is null && (options.BlockStateZero ?? true) ? BlockEntryState.Zero : BlockEntryState.NotPresent;
    }

    public long Length { get; }

    public uint LogLength { get; }

    public BlockTable Table { get; }

    public bool IsFixed { get; }

    public long TableOffset { get; }

    public uint TableLength { get; }

    /// <summary>What blocks of a dynamic image begin as.</summary>
    public BlockEntryState EmptyState { get; }

    public long MetadataOffset => TableOffset + TableLength;

    public long BlocksOffset => MetadataOffset + FileLayout.MiB + GapBeforeBlocks;

    /// <summary>Bytes of the file with so many blocks.</summary>
    public long FileLength(long blocks) => BlocksOffset + blocks * Table.BlockSize;

    public byte[] Metadata() => MetadataTable.New(
        (uint)Table.BlockSize,
        IsFixed,
        Length,
        (uint)Table.SectorSize,
        _parent is null ? null : ParentLocator.Write(_parent.DataWriteId, _parent.Path));

    public RegionTable Regions() => RegionTable.New(
        new Region(RegionTable.TableId, TableOffset, TableLength, IsRequired: true),
        new Region(RegionTable.MetadataId, MetadataOffset, FileLayout.MiB, IsRequired: true));

    public ulong EntryOf(long block) => IsFixed
        ? BlockTable.EntryOf(BlockEntryState.Present, BlocksOffset + block * Table.BlockSize)
        : BlockTable.EntryOf(EmptyState);

    private static long RequireLength(long size, int sectorSize)
    {
        if (size is < 0 or > LargestDisk)
            throw Invalid("Image size too large; max of 64TB");
        if (size == 0)
            throw Invalid("A VHDX image has a size of at least one sector");
        return (size + sectorSize - 1) / sectorSize * sectorSize;
    }

    private static uint RequireLogLength(long size)
    {
        if (size is < 0 or > uint.MaxValue || FileLayout.RoundUp(size) > uint.MaxValue)
            throw Invalid("Log size must be smaller than 4 GB");
        return size > 0 ? (uint)FileLayout.RoundUp(size) : throw Invalid("Log size must be a multiple of 1 MB");
    }

    /// <summary>QEMU's tools bring sizes into the range that there is, its commands refuse those.</summary>
    private long RequireBlockSize(long size)
    {
        if (size < 0)
            throw new BlockException(ParameterFault.OutOfRange("block-size", "a non-negative number below 2^64"));
        if (size == 0)
            return UsualBlockSize();
        size = size > LargestBlock ? LargestBlock : FileLayout.RoundUp(size);
        return BitOperations.IsPow2(size) ? size : throw Invalid("Block size must be a power of two");
    }

    private long UsualBlockSize() => Length switch
    {
        > 32L << 40 => 64 << 20,
        > 100L << 30 => 32 << 20,
        > 1L << 30 => 16 << 20,
        _ => 8 << 20,
    };

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}

/// <summary>What an image that is to be made says of its parent.</summary>
/// <param name="Path">As it is recorded.</param>
internal sealed record NewParent(Guid DataWriteId, int SectorSize, string Path);
