// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Sizing;

/// <summary>Changes the virtual size of an image, and gives it clusters ahead of time where that is wanted.</summary>
internal sealed class ImageResizer(Qcow2Image image)
{
    private const int SectorSize = 512;

    private readonly ClusterGeometry _geometry = image.Geometry;

    /// <summary>An external data file is taken over with its content: it is a raw image already.</summary>
    public bool KeepDataFile { get; init; }

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        var old = image.Length;
        Check(length, old, options);
        if (length > old)
            await GrowAsync(old, length, options, cancellationToken).ConfigureAwait(false);
        else if (length < old)
            await ShrinkAsync(old, length, cancellationToken).ConfigureAwait(false);
    }

    private void Check(long length, long old, ResizeOptions options)
    {
        if (length < 0 || length % SectorSize != 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, "The new size must be a multiple of 512");
        if (image.Snapshots.Count > 0 && image.Header.Current.Version < 3)
            throw new BlockException(BlockErrorKind.NotSupported, "Can't resize a v2 image which has snapshots");
        if (length < old && options.Preallocation != PreallocationMode.Off)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Preallocation can't be used for shrinking an image");
        // Version 2 has no clusters that read as zeroes over a backing file.
        if (options.ZeroNewArea && image.Header.Current.Version < 3)
            throw new BlockException(BlockErrorKind.NotSupported, "Failed to zero out new clusters: Operation not supported");
        try
        {
            _ = image.Header.Current.L1EntriesFor(length);
        }
        catch (Qcow2FormatException e)
        {
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "Failed to grow the L1 table: File too large", Errno.EFBIG, e);
        }
    }

    /// <summary>The size in the header comes last: until then what lies behind the old end is merely unused.</summary>
    private async ValueTask GrowAsync(long old, long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        await GrowL1Async(length).ConfigureAwait(false);

        // The old L1 table's clusters are free for what comes now.
        if (options.Preallocation != PreallocationMode.Off) await image.Flusher.FlushAsync(
            cancellationToken).ConfigureAwait(false);
        if (image.Snapshots.Count == 0) await ClearBehindAsync(old, length).ConfigureAwait(false);
        await image.Data.GrowAsync(old, length, options.Preallocation, KeepDataFile, cancellationToken).ConfigureAwait(false);

        // A raw data file is data throughout: its owner may write it without the image.
        var mode = options.Preallocation == PreallocationMode.Off && image.Data.IsRaw
            ? PreallocationMode.Metadata
            : options.Preallocation;
        if (mode != PreallocationMode.Off)
            await new Preallocator(image, mode).RunAsync(old, length, cancellationToken).ConfigureAwait(false);
        if (options.ZeroNewArea)
            await image.Zeroes.WriteZeroesAsync(
                old,
                length - old,
                length,
                mode == PreallocationMode.Off ? ZeroFlags.MayUnmap : ZeroFlags.None,
                cancellationToken).ConfigureAwait(false);
        await image.Flusher.FlushAsync(cancellationToken).ConfigureAwait(false);
        await SetSizeAsync(length).ConfigureAwait(false);
    }

    private async ValueTask GrowL1Async(long length)
    {
        try
        {
            await image.Tables.GrowL1Async((int)_geometry.L1EntriesFor(length)).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new BlockException(e.Kind, $"Failed to grow the L1 table: {ErrnoText.Of(e.Errno)}", e.Errno, e);
        }
    }

    /// <summary>
    /// The size comes first, in one sector: a shrink is done or not. Giving back what was cut off costs no data when it
    /// fails, and a later growth does it again.
    /// </summary>
    private async ValueTask ShrinkAsync(long old, long length, CancellationToken cancellationToken)
    {
        await image.Flusher.FlushAsync(cancellationToken).ConfigureAwait(false);
        await SetSizeAsync(length).ConfigureAwait(false);
        try
        {
            await ClearBehindAsync(length, old).ConfigureAwait(false);
            await GiveBackBehindAsync(length).ConfigureAwait(false);
            await image.Data.ShrinkAsync(length).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // The disk has its new size; some space is not back yet.
        }
    }

    /// <summary>
    /// Frees the tables for what lies behind <paramref name="length"/>, where nothing is mapped any more, and the end of the
    /// file.
    /// </summary>
    public async ValueTask GiveBackBehindAsync(long length)
    {
        await image.File.FireAsync(BlkdebugEvent.L1ShrinkWriteTable).ConfigureAwait(false);
        await image.ChangeAsync(
            () => DropTablesAsync(_geometry.L1EntriesFor(length)), CancellationToken.None).ConfigureAwait(false);
        await image.File.FireAsync(BlkdebugEvent.L1ShrinkFreeL2Clusters).ConfigureAwait(false);
        await image.Flusher.SettleAsync().ConfigureAwait(false);
        await CutFileAsync().ConfigureAwait(false);
    }

    /// <summary>Nothing of what lies between the two ends may be seen when the disk reaches there again.</summary>
    private async ValueTask ClearBehindAsync(long start, long end)
    {
        var whole = _geometry.ClustersFor(start) << _geometry.ClusterBits;
        if (whole > start)
            await image.Zeroes.WriteZeroDataAsync(start, Math.Min(whole, end) - start).ConfigureAwait(false);
        await image.Zeroes.DropAsync(
            whole, _geometry.ClustersFor(end) << _geometry.ClusterBits, CancellationToken.None).ConfigureAwait(false);
    }

    private ValueTask<bool> DropTablesAsync(long keptEntries)
    {
        // Entries past the disk's end hold the VM state of snapshots.
        if (image.Snapshots.Count > 0) return new(false);
        for (var i = keptEntries; i < image.L1.Count; i++)
        {
            var entry = new L1Entry(image.L1[i]);
            if (entry.TableOffset == 0) continue;
            image.L1.Set(i, 0);
            image.Guard.RemoveMetadata(_geometry.ClusterIndex(entry.TableOffset), MetadataKinds.ActiveL2);
            image.Allocator.Retire(new ClusterRun(_geometry.ClusterIndex(entry.TableOffset), 1, PassDown: true));
        }
        return new(true);
    }

    private async ValueTask SetSizeAsync(long length)
    {
        using (await image.Gate.AcquireAsync().ConfigureAwait(false))
            await image.Header.UpdateAsync(image.Header.Current with { Size = length }).ConfigureAwait(false);
    }

    /// <summary>Ends the file behind the last cluster in use.</summary>
    public async ValueTask CutFileAsync()
    {
        if (!image.File.Profile.Growable) return;
        using (await image.Gate.AcquireAsync().ConfigureAwait(false))
        {
            if (image.InFlight.Any || image.Allocator.HasPending) return;
            var end = _geometry.ClustersFor(image.File.Length);
            while (end > 0 && await image.Allocator.GetRefcountAsync(end - 1).ConfigureAwait(false) == 0) end--;
            if (end << _geometry.ClusterBits < image.File.Length)
                await image.File.ResizeAsync(
                    end << _geometry.ClusterBits, new ResizeOptions(MayExceed: true)).ConfigureAwait(false);
        }
    }
}
