// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Sectors;
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
        if (!IsCut(offset, target.Length))
        {
            await image.Reader.ReadAsync(Start + offset, target, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            return;
        }

        var (first, sectors) = await ReadSectorsAsync(offset, target.Length, cancellationToken).ConfigureAwait(false);
        target.CopyFrom(sectors.AsSpan((int)(offset - first), (int)target.Length));
    }

    public async ValueTask WriteAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        image.Guard.ThrowIfStopped();
        Check(offset, source.Length);
        await image.File.FireAsync(BlkdebugEvent.VmstateSave, cancellationToken).ConfigureAwait(false);
        var end = Start + offset + source.Length;
        await image.Tables.GrowL1Async((int)_geometry.L1EntriesFor(end)).ConfigureAwait(false);
        if (!IsCut(offset, source.Length))
        {
            await image.Writer.WriteAsync(Start + offset, source, cancellationToken).ConfigureAwait(false);
            return;
        }

        var (first, sectors) = await ReadSectorsAsync(offset, source.Length, cancellationToken).ConfigureAwait(false);
        source.CopyTo(sectors.AsSpan((int)(offset - first)));
        await image.Writer.WriteAsync(Start + first, sectors, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Only whole sectors are encrypted, and nobody aligns what is asked for here.</summary>
    private bool IsCut(long offset, long bytes) =>
        image.Settings.Encryption is not null
            && (offset % SectorCipher.SectorBytes != 0 || bytes % SectorCipher.SectorBytes != 0);

    private async ValueTask<(long First, byte[] Sectors)> ReadSectorsAsync(
        long offset, long bytes, CancellationToken cancellationToken)
    {
        const int Sector = SectorCipher.SectorBytes;
        var first = offset / Sector * Sector;
        var end = (offset + bytes + Sector - 1) / Sector * Sector;
        var sectors = new byte[end - first];
        await image.Reader.ReadAsync(Start + first, sectors, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return (first, sectors);
    }

    private void Check(long offset, long bytes)
    {
        if (offset < 0 || bytes > (ClusterGeometry.MaxL1Bytes / sizeof(ulong) << _geometry.L2CoverageBits) - Start - offset)
            throw new BlockException(BlockErrorKind.OutOfRange, "The VM state does not fit behind the disk", Errno.EFBIG);
    }
}
