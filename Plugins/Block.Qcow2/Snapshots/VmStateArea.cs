// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Snapshots;

/// <summary>The state of the machine, mapped behind the disk from the first L1 entry that the disk does not need.</summary>
internal sealed class VmStateArea(Qcow2Image image)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    private long Start => _geometry.L1EntriesFor(image.Length) << _geometry.L2CoverageBits;

    /// <summary>What was never written reads as zeroes.</summary>
    public async ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken)
    {
        Check(offset, target.Length);
        await image.File.FireAsync(BlkdebugEvent.VmstateLoad, cancellationToken).ConfigureAwait(false);
        await image.Reader.ReadAsync(Start + offset, target, ReadFlags.None, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask WriteAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        image.Guard.ThrowIfStopped();
        Check(offset, source.Length);
        await image.File.FireAsync(BlkdebugEvent.VmstateSave, cancellationToken).ConfigureAwait(false);
        var end = Start + offset + source.Length;
        await image.Tables.GrowL1Async((int)_geometry.L1EntriesFor(end)).ConfigureAwait(false);
        await image.Writer.WriteAsync(Start + offset, source, cancellationToken).ConfigureAwait(false);
    }

    private void Check(long offset, long bytes)
    {
        if (offset < 0 || bytes > (ClusterGeometry.MaxL1Bytes / sizeof(ulong) << _geometry.L2CoverageBits) - Start - offset)
            throw new BlockException(BlockErrorKind.OutOfRange, "The VM state does not fit behind the disk", Errno.EFBIG);
    }
}
