// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;

namespace BlockHost.Plugins.Block.Qed.Maintenance;

/// <summary>
/// Follows all tables: whether what they point at lies in the file, behind the header, and where nothing else does. What points
/// nowhere is cleared, as in QEMU; two clusters in one place, which QEMU finds and leaves, get one each.
/// </summary>
internal sealed class ImageChecker(QedImage image)
{
    /// <summary>A bit for each cluster of the file: 512 MiB of them.</summary>
    private const long MostClusters = 1L << 32;

    private readonly long _clusters = (image.File.Length + image.BlockSize - 1) / image.BlockSize;
    private SpaceMap _used = new(0);
    private readonly List<(long Block, ulong From)> _shared = [];
    private long _wrong;
    private long _allocated;
    private long _fragmented;
    private ulong _previous;
    private bool _mends;

    public async ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        if (_clusters > MostClusters)
            throw new BlockException(BlockErrorKind.NotSupported, "The file is too large for a check");
        _used = new SpaceMap(_clusters);
        _mends = (repair & CheckRepair.Errors) != 0;
        if (_mends)
            await image.MarkAsync(cancellationToken).ConfigureAwait(false);
        for (long place = 0; place < image.Header.Reserved; place += image.BlockSize)
            _used.Use(place / image.BlockSize);
        Use((long)image.Header.TopOffset, image.Header.TableClusters);
        for (long part = 0; part < image.Tables.Top.Count; part++)
            await LookAtPartAsync(part, cancellationToken).ConfigureAwait(false);
        // Part of a cluster, which a write to the end has left, is none yet.
        var torn = image.File.Length % image.BlockSize != 0 && !_used.IsUsed(_clusters - 1) ? 1 : 0;
        var leaks = _clusters - _used.Used - torn;
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
        };
    }

    private async ValueTask LookAtPartAsync(long part, CancellationToken cancellationToken)
    {
        var tables = image.Tables;
        var entry = await tables.Top.GetAsync(part, cancellationToken).ConfigureAwait(false);
        if (entry == 0)
            return;
        var isPlace = tables.IsPlace(entry, tables.PartSize);
        var shared = isPlace ? Use((long)entry, image.Header.TableClusters) : 1;
        _wrong += shared;
        if (shared == 0)
        {
            for (var first = part * tables.PerPart; first < (part + 1) * tables.PerPart; first++)
                await LookAtAsync(
                    first,
                    await tables.GetAsync(first, cancellationToken).ConfigureAwait(false),
                    cancellationToken).ConfigureAwait(false);
        }
        else if (_mends)
        {
            await tables.ClearPartAsync(part, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask LookAtAsync(long block, ulong entry, CancellationToken cancellationToken)
    {
        if (!QedImage.IsStored(entry))
            return;
        if (!image.Tables.IsPlace(entry, 1))
        {
            _wrong++;
            if (_mends)
                await image.Table.SetAsync(block, 0, cancellationToken).ConfigureAwait(false);
            return;
        }

        _allocated++;
        if (_previous != 0 && _previous + (ulong)image.BlockSize != entry)
            _fragmented++;
        _previous = entry;
        if (Use((long)entry, 1) == 0)
            return;
        _wrong++;
        _shared.Add((block, entry));
    }

    /// <returns>How many of the clusters something else uses.</returns>
    private long Use(long place, uint clusters)
    {
        var shared = 0;
        for (var i = 0; i < clusters; i++)
        {
            if (!_used.Use(place / image.BlockSize + i))
                shared++;
        }

        return shared;
    }

    private async ValueTask MendAsync(CancellationToken cancellationToken)
    {
        foreach (var (block, from) in _shared)
            await image.MoveAsync(block, (long)from, cancellationToken).ConfigureAwait(false);
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        await image.ClearMarkAsync(cancellationToken).ConfigureAwait(false);
    }
}
