// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vmdk.Extents;

/// <summary>The bytes of a file, from an offset on.</summary>
internal sealed class FlatExtent(IBlockChild file, string type, long length, long start) : VmdkExtent(file, type, length)
{
    public override ValueTask ReadAsync(long offset, IoSlice target, BelowReader below, CancellationToken cancellationToken) =>
        File.ReadAsync(start + offset, target, ReadFlags.None, cancellationToken);

    public override ValueTask WriteAsync(long offset, IoSlice source, BelowReader below, CancellationToken cancellationToken) =>
        File.WriteAsync(start + offset, source, WriteFlags.None, cancellationToken);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        File.WriteZeroesAsync(start + offset, bytes, flags, cancellationToken);

    public override ValueTask<BlockStatus> GetStatusAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        new(new BlockStatus(
            bytes, BlockStatusFlags.Data | BlockStatusFlags.OffsetValid | BlockStatusFlags.Recurse, start + offset, File));
}
