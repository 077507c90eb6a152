// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qcow.Format;

namespace BlockHost.Plugins.Block.Qcow.Maintenance;

/// <summary>
/// Follows all tables: whether what they point at lies in the file, and where nothing else does. What points nowhere is cleared;
/// two clusters in one place get one each. QEMU has no check for this format.
/// </summary>
internal sealed class ImageChecker(QcowImage image)
{
    /// <summary>Two bits for each sector of the file: 512 MiB of them for one.</summary>
    private const long MostSectors = 1L << 32;

    private readonly ClusterEntries _entries = new(image.Header.ClusterBits);
    private readonly UsedSectors _used = new(Math.Min(MostSectors, SectorsOf(image.File.Length)));
    private readonly List<(long Block, ulong From)> _shared = [];
    private long _wrong;
    private long _allocated;
    private long _compressed;
    private long _fragmented;
    private long _previousEnd;
    private bool _mends;

    public async ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        if (SectorsOf(image.File.Length) > MostSectors)
            throw new BlockException(BlockErrorKind.NotSupported, "The file is too large for a check");
        _mends = (repair & CheckRepair.Errors) != 0;
        var header = image.Header;
        // They lie behind each other, and a compressed cluster may follow.
        _used.Share(0, QcowHeader.Size);
        _used.Share((long)header.NameOffset, header.NameLength);
        _used.Share((long)header.TopOffset, header.TopEnd - (long)header.TopOffset);
        for (long part = 0; part < image.Tables.PartsInFile; part++)
            await LookAtPartAsync(part, cancellationToken).ConfigureAwait(false);
        // The top table was written in whole sectors: where nothing else came there, the rest is no leak.
        _used.Share((long)header.TopOffset, SectorsOf(header.TopEnd - (long)header.TopOffset) * QcowHeader.SectorSize);
        var leaks = _used.CountFree(header.ClusterSize);
        if (_mends)
            await MendAsync(cancellationToken).ConfigureAwait(false);
        return new ImageCheckResult
        {
            Corruptions = _mends ? 0 : _wrong,
            CorruptionsFixed = _mends ? _wrong : 0,
            Leaks = leaks,
            TotalClusters = (image.Length + image.BlockSize - 1) / image.BlockSize,
            AllocatedClusters = _allocated,
            FragmentedClusters = _fragmented,
            CompressedClusters = _compressed,
        };
    }

    private static long SectorsOf(long bytes) => bytes / QcowHeader.SectorSize + (bytes % QcowHeader.SectorSize > 0 ? 1 : 0);

    private bool IsInFile(long place, long bytes) => place + bytes <= image.File.Length;

    private async ValueTask LookAtPartAsync(long part, CancellationToken cancellationToken)
    {
        var tables = image.Tables;
        var entry = await tables.Top.GetAsync(part, cancellationToken).ConfigureAwait(false);
        if (entry == 0)
            return;
        if (tables.IsPlace(entry, tables.PartSize) && IsInFile((long)entry, tables.PartSize)
            && _used.Use((long)entry, tables.PartSize))
        {
            for (var block = part * tables.PerPart; block < (part + 1) * tables.PerPart; block++)
                await LookAtAsync(
                    block,
                    await tables.GetAsync(block, cancellationToken).ConfigureAwait(false),
                    cancellationToken).ConfigureAwait(false);
            return;
        }

        _wrong++;
        if (_mends)
            await tables.ClearPartAsync(part, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask LookAtAsync(long block, ulong entry, CancellationToken cancellationToken)
    {
        if (entry == 0 || block * image.BlockSize >= image.Length)
            return;
        var isCompressed = ClusterEntries.IsCompressed(entry);
        var (place, bytes) = isCompressed ? _entries.Decode(entry) : ((long)entry, image.Header.ClusterSize);
        if (!image.Tables.IsCluster(entry) || bytes == 0 || !IsInFile(place, bytes))
        {
            _wrong++;
            if (_mends)
                await image.Table.SetAsync(block, 0, cancellationToken).ConfigureAwait(false);
            return;
        }

        _allocated++;
        _compressed += isCompressed ? 1 : 0;
        _fragmented += _previousEnd != 0 && _previousEnd != place ? 1 : 0;
        _previousEnd = place + bytes;
        // Compressed clusters share sectors, and nobody writes to where they are.
        if (isCompressed ? _used.Share(place, bytes) : _used.Use(place, bytes))
            return;
        _wrong++;
        if (!isCompressed)
            _shared.Add((block, entry));
        else if (_mends)
            await image.UnpackAsync(block, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask MendAsync(CancellationToken cancellationToken)
    {
        foreach (var (block, from) in _shared)
            await image.MoveAsync(block, (long)from, cancellationToken).ConfigureAwait(false);
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
