// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Bitmaps;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;
using BlockHost.Plugins.Block.Qcow2.Sizing;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>
/// Moves everything that lies behind where a full image would end into holes before, and cuts the file. Whatever is moved is
/// durable in its new place before anything names it, and is free in its old one after nothing does: a crash leaks at worst.
/// </summary>
/// <remarks>
/// <code>
/// pass:  header's tables ─► bitmaps ─► L2 tables ─► the disk's data ─► shared and compressed data ─► refcount blocks ─► cut
/// </code>
/// Data of the disk alone moves beside requests; everything else while writes wait, a batch at a time. What one pass gives up
/// the next one can use: there are a few.
/// </remarks>
internal sealed class ImageCompactor(Qcow2Node node, BitmapJournal journal)
{
    private const int MaxPasses = 8;

    // What the steps so far have moved, and all that was to move when the pass began.
    private long _moved;
    private long _behind;
    private long _limit;

    private Qcow2Image Image => node.Image;

    public async IAsyncEnumerable<CompactionStep> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!Image.Settings.Writable)
            throw new BlockException(BlockErrorKind.ReadOnly, "An image that is open for reading only cannot be compacted");
        var end = long.MaxValue;
        for (var pass = 0; pass < MaxPasses; pass++)
        {
            await QuietAsync(_ => new ValueTask<long>(0), cancellationToken).ConfigureAwait(false);
            var survey = await SpaceSurvey.TakeAsync(Image, cancellationToken).ConfigureAwait(false);
            if (survey.End >= end) break;
            (end, _limit, _moved, _behind) = (survey.End, survey.Limit, 0, survey.Behind << Image.Geometry.ClusterBits);
            if (survey.HasHoles)
            {
                await foreach (var step in MoveAllAsync(cancellationToken).ConfigureAwait(false)) yield return step;
            }
            await QuietAsync(DropBlocksAsync, cancellationToken).ConfigureAwait(false);
            await QuietAsync(_ => new ValueTask<long>(0), cancellationToken).ConfigureAwait(false);
            await CutAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async IAsyncEnumerable<CompactionStep> MoveAllAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var left = 0;
        Func<CancellationToken, ValueTask<long>>[] before =
        [
            token => QuietAsync(i => new TopTableMover(i, _limit).MoveAsync(), token),
            MoveBitmapsAsync,
            token => QuietAsync(i => new L2TableMover(i, _limit).MoveAsync(), token),
        ];
        foreach (var kind in before)
        {
            while (await kind(cancellationToken).ConfigureAwait(false) is > 0 and var moved) yield return Step(moved);
        }
        await foreach (var step in MoveDataAsync(cancellationToken).ConfigureAwait(false)) yield return step;
        Func<CancellationToken, ValueTask<long>>[] after =
        [
            token => QuietAsync(MoveSharedAsync, token),
            token => QuietAsync(i => new RefcountBlockMover(i, _limit).MoveAsync(), token),
        ];
        foreach (var kind in after)
        {
            while (await kind(cancellationToken).ConfigureAwait(false) is > 0 and var moved) yield return Step(moved);
        }
        if (left > 0)
            yield return Step(0) with { Left = $"{left} clusters cannot be unpacked, or are shared too often to be counted" };

        async ValueTask<long> MoveSharedAsync(Qcow2Image image)
        {
            var mover = new SharedDataMover(image, _limit);
            var moved = await mover.MoveAsync().ConfigureAwait(false);
            left = mover.Left;
            return moved;
        }
    }

    private async ValueTask<long> MoveBitmapsAsync(CancellationToken cancellationToken)
    {
        using (await journal.Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
        {
            return await QuietAsync(
                i => new BitmapMover(i, journal, _limit).MoveAsync(), cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<long> DropBlocksAsync(Qcow2Image image)
    {
        await new RefcountBlockMover(image, _limit).DropEmptyAsync().ConfigureAwait(false);
        return 0;
    }

    private async IAsyncEnumerable<CompactionStep> MoveDataAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var at = 0L; !Image.Data.IsExternal;)
        {
            // What snapshots keep of a machine lies behind the disk.
            var end = (long)Image.L1.Count << Image.Geometry.L2CoverageBits;
            if (at >= end) yield break;
            (var moved, at) = await new DataMover(Image, _limit).MoveAsync(at, end, cancellationToken).ConfigureAwait(false);
            yield return Step(moved);
        }
    }

    private CompactionStep Step(long moved)
    {
        _moved += moved;
        return new CompactionStep(moved, Math.Max(0, _behind - _moved));
    }

    /// <summary>Runs a step while writes wait and nothing is on its way.</summary>
    private async ValueTask<long> QuietAsync(Func<Qcow2Image, ValueTask<long>> work, CancellationToken cancellationToken)
    {
        var image = Image;
        image.Guard.ThrowIfStopped();
        using var hold = await image.Hold.HoldAllAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await QuietImage.RunAsync(image, () => work(image), cancellationToken).ConfigureAwait(false);
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    private async ValueTask CutAsync(CancellationToken cancellationToken)
    {
        using var hold = await Image.Hold.HoldAllAsync(cancellationToken).ConfigureAwait(false);
        await new ImageResizer(Image).CutFileAsync().ConfigureAwait(false);
    }
}
