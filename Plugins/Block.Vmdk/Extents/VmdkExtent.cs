// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vmdk.Extents;

/// <summary>A part of the disk. Offsets are the extent's own.</summary>
internal abstract class VmdkExtent(IBlockChild file, string type, long length)
{
    public IBlockChild File { get; set; } = file;

    /// <summary>As the description names it; empty where the image is one file.</summary>
    public string Type => type;

    /// <summary>Bytes of the disk.</summary>
    public long Length => length;

    /// <summary>Bytes; 0: there are none.</summary>
    public virtual long GrainSize => 0;

    public virtual bool IsCompressed => false;

    public virtual bool IsReadOnly => false;

    public virtual bool HasZeroGrain => false;

    /// <param name="below">Reads what is not allocated here.</param>
    public abstract ValueTask ReadAsync(long offset, IoSlice target, BelowReader below, CancellationToken cancellationToken);

    public abstract ValueTask WriteAsync(long offset, IoSlice source, BelowReader below, CancellationToken cancellationToken);

    /// <exception cref="BlockException">There is no cheap way for this range.</exception>
    public virtual ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        throw new BlockException(BlockErrorKind.NotSupported, "The extent has no zeroed grains");

    public abstract ValueTask<BlockStatus> GetStatusAsync(long offset, long bytes, CancellationToken cancellationToken);

    public virtual ValueTask FlushAsync(CancellationToken cancellationToken) => File.FlushAsync(cancellationToken);

    /// <summary>Writes what is only in memory, when a flush has failed and the node closes.</summary>
    public virtual ValueTask WriteAtEndAsync() => ValueTask.CompletedTask;
}

/// <summary>Reads the backing file, or zeroes, at an offset of an extent.</summary>
internal delegate ValueTask BelowReader(long offset, IoSlice target, CancellationToken cancellationToken);
