// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Text;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Bitmaps;

/// <summary>The persistent bitmaps of an image ("Bitmaps"). Nothing is remembered between calls: the image has it all.</summary>
internal sealed class BitmapStore(Qcow2Image image) : IBitmapStore
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    public async ValueTask<IReadOnlyList<StoredBitmap>> ListAsync(CancellationToken cancellationToken)
    {
        var entries = await DirectoryAsync(cancellationToken).ConfigureAwait(false);
        return [.. entries.Where(
            e =>
                e.IsUnderstood).Select(e =>
                    new StoredBitmap(e.Name, 1L << e.GranularityBits, e.InUse, e.Flags.HasFlag(BitmapFlags.Auto)))];
    }

    public async ValueTask LoadAsync(StoredBitmap stored, IDirtyBitmap target, CancellationToken cancellationToken)
    {
        var entries = await DirectoryAsync(cancellationToken).ConfigureAwait(false);
        var entry = entries.Find(e => e.Name == stored.Name)
            ?? throw new BlockException(BlockErrorKind.NotFound, $"Bitmap '{stored.Name}' is not in the image");
        try
        {
            await new BitmapLoader(image).LoadAsync(entry, target, cancellationToken).ConfigureAwait(false);
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    public async ValueTask MarkInUseAsync(CancellationToken cancellationToken)
    {
        try
        {
            using (await image.Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
                await BitmapDirectory.MarkInUseAsync(image, cancellationToken).ConfigureAwait(false);
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    public async ValueTask CheckNewAsync(
        string name, long granularity, IReadOnlyList<IDirtyBitmap> unsaved, CancellationToken cancellationToken)
    {
        if (image.Header.Current.Version < 3) throw Refuse("Cannot store dirty bitmaps in qcow2 v2 files");
        CheckSize(name, BitOperations.Log2((ulong)granularity));
        var stored = await DirectoryAsync(cancellationToken).ConfigureAwait(false);
        var known = stored.Select(e => e.Name).ToHashSet();
        var added = unsaved.Where(b => known.Add(b.Name!)).Select(b => b.Name!).Append(name).ToList();
        if (stored.Count + added.Count > BitmapsExtension.MaxBitmaps) throw Refuse(
            "Maximum number of persistent bitmaps is already reached");
        if (stored.Sum(
            e =>
                e.EncodedSize) + added.Sum(n =>
                    BitmapEntry.PlainSizeFor(Encoding.UTF8.GetByteCount(n))) > BitmapsExtension.MaxDirectorySize)
            throw Refuse("Not enough space in the bitmap directory");
    }

    public ValueTask StoreAsync(IReadOnlyList<IDirtyBitmap> bitmaps, CancellationToken cancellationToken)
    {
        if (image.Header.Current.Version < 3) throw Refuse("Cannot store dirty bitmaps in qcow2 v2 files");
        return ReplaceAsync(
            (saver, directory) => ReplaceEntriesAsync(saver, directory, bitmaps, cancellationToken), cancellationToken);
    }

    public ValueTask RemoveAsync(string name, CancellationToken cancellationToken) =>
        ReplaceAsync(
            (_, directory) =>
            {
                var at = directory.FindIndex(e => e.Name == name);
                if (at < 0) return new([]);
                var gone = directory[at];
                directory.RemoveAt(at);
                return new([gone]);
            },
            cancellationToken);

    /// <summary>All entries, for image information; none where the directory is damaged, which is for a check to say.</summary>
    public async ValueTask<IReadOnlyList<BitmapEntry>> DescribeAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await DirectoryAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.InnerException is Qcow2FormatException)
        {
            return [];
        }
    }

    private async ValueTask<List<BitmapEntry>> DirectoryAsync(CancellationToken cancellationToken)
    {
        try
        {
            using (await image.Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
                return await BitmapDirectory.LoadAsync(image, cancellationToken).ConfigureAwait(false);
        }
        catch (Qcow2FormatException e)
        {
            throw e.ToBlockException();
        }
    }

    private async ValueTask<List<BitmapEntry>> ReplaceEntriesAsync(
        BitmapSaver saver, List<BitmapEntry> directory, IReadOnlyList<IDirtyBitmap> bitmaps, CancellationToken cancellationToken)
    {
        var gone = new List<BitmapEntry>();
        foreach (var bitmap in bitmaps)
        {
            CheckSize(bitmap.Name!, BitOperations.Log2((ulong)bitmap.Granularity));
            var at = directory.FindIndex(e => e.Name == bitmap.Name);
            var old = at < 0 ? null : directory[at];
            var entry = await NamingAsync(
                $"Failed to write bitmap '{bitmap.Name}' to file",
                saver.SaveAsync(bitmap, old, cancellationToken)).ConfigureAwait(false);
            var kept = old is null ? BitmapFlags.None : old.Flags & BitmapFlags.ExtraDataCompatible;
            entry = entry with { Flags = kept | (bitmap.IsRecording ? BitmapFlags.Auto : BitmapFlags.None) };
            if (old is null)
            {
                directory.Add(entry);
                continue;
            }
            directory[at] = entry;
            gone.Add(old);
        }
        return gone;
    }

    /// <summary>Replaces the directory by a changed one.</summary>
    /// <param name="change">Changes the list of entries, and returns those whose clusters are no longer needed.</param>
    private async ValueTask ReplaceAsync(
        Func<BitmapSaver, List<BitmapEntry>, ValueTask<List<BitmapEntry>>> change, CancellationToken cancellationToken)
    {
        image.Guard.ThrowIfStopped();
        var saver = new BitmapSaver(image);
        try
        {
            var directory = await DirectoryAsync(cancellationToken).ConfigureAwait(false);
            var count = directory.Count;
            var gone = await change(saver, directory).ConfigureAwait(false);
            if (gone.Count == 0 && directory.Count == count) return;
            var place = await NamingAsync(
                "Failed to update bitmap extension",
                saver.SaveDirectoryAsync(directory, cancellationToken)).ConfigureAwait(false);
            await saver.KeepAsync().ConfigureAwait(false);
            var freed = new List<ClusterRun>();
            foreach (var entry in gone)
                await ListClustersAsync(entry, freed, cancellationToken).ConfigureAwait(false);
            using (await image.Flusher.PauseAsync(cancellationToken).ConfigureAwait(false))
            using (await image.Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
            {
                await BitmapDirectory.SwitchAsync(image, place).ConfigureAwait(false);
                foreach (var run in freed)
                    image.Allocator.Retire(run);
            }
        }
        catch (Exception e)
        {
            await saver.DropAsync().ConfigureAwait(false);
            if (e is Qcow2FormatException format) throw format.ToBlockException();
            throw;
        }
    }

    /// <summary>Puts before an error what failed.</summary>
    private static async ValueTask<T> NamingAsync<T>(string what, ValueTask<T> work)
    {
        try
        {
            return await work.ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new BlockException(e.Kind, $"{what}: {e.Message}", e.Errno, e);
        }
    }

    /// <summary>
    /// The clusters of a bitmap that nothing will refer to; one whose table is damaged keeps (leaks) what it has.
    /// </summary>
    private async ValueTask ListClustersAsync(BitmapEntry entry, List<ClusterRun> freed, CancellationToken cancellationToken)
    {
        if (entry.TableEntries == 0) return;
        freed.Add(BitmapDirectory.Clusters(image, entry.TableOffset, (long)entry.TableEntries * sizeof(ulong)));
        foreach (var raw in await TopTable.LoadAsync(
            image.File, entry.TableOffset, entry.TableEntries, cancellationToken).ConfigureAwait(false))
        {
            var offset = (long)(raw & BitmapEntry.OffsetMask);
            if (offset != 0 && _geometry.IsClusterAligned(offset)) freed.Add(new ClusterRun(_geometry.ClusterIndex(offset), 1));
        }
    }

    private void CheckSize(string name, int granularityBits)
    {
        if (granularityBits > BitmapEntry.MaxGranularityBits) throw Refuse(
            $"Granularity exceeds maximum ({1L << BitmapEntry.MaxGranularityBits} bytes)");
        if (granularityBits < BitmapEntry.MinGranularityBits) throw Refuse(
            $"Granularity is under minimum ({1 << BitmapEntry.MinGranularityBits} bytes)");
        if (Encoding.UTF8.GetByteCount(name) > BitmapEntry.MaxNameLength) throw Refuse(
            $"Name length exceeds maximum ({BitmapEntry.MaxNameLength} characters)");
        var content = BitmapEntry.ContentBytes(image.Length, granularityBits);
        if (content > BitmapEntry.MaxContentBytes || _geometry.ClustersFor(content) > BitmapEntry.MaxTableEntries)
            throw Refuse("Too much space will be occupied by the bitmap. Use larger granularity");
    }

    private static BlockException Refuse(string message) => new(BlockErrorKind.InvalidArgument, message);
}
