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
/// <param name="journal">Follows some of them.</param>
internal sealed class BitmapStore(Qcow2Image image, BitmapJournal journal) : IBitmapStore
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    public async ValueTask<IReadOnlyList<StoredBitmap>> ListAsync(CancellationToken cancellationToken)
    {
        var entries = await DirectoryAsync(cancellationToken).ConfigureAwait(false);
        var listed = new List<StoredBitmap>();
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            if (!entry.IsUnderstood) continue;
            var isLost = entry.InUse && !(i < BitmapDirectory.Followed(image.Header.Current)
                && await HasSoundTableAsync(entry, cancellationToken).ConfigureAwait(false));
            listed.Add(
                new StoredBitmap(entry.Name, 1L << entry.GranularityBits, isLost, entry.Flags.HasFlag(BitmapFlags.Auto)));
        }
        return listed;
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

    public async ValueTask StoreAsync(IReadOnlyList<IDirtyBitmap> bitmaps, CancellationToken cancellationToken)
    {
        if (image.Header.Current.Version < 3) throw Refuse("Cannot store dirty bitmaps in qcow2 v2 files");
        using (await journal.Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
        {
            await ReplaceAsync(
                (saver, directory) => ReplaceEntriesAsync(saver, directory, bitmaps, cancellationToken),
                followed: 0,
                cancellationToken).ConfigureAwait(false);
            journal.Take([]);
        }
    }

    public async ValueTask RemoveAsync(string name, CancellationToken cancellationToken)
    {
        using (await journal.Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
        {
            var left = journal.Without(name);
            await ReplaceAsync((_, directory) => new(TakeOut(directory, [name])), left.Length, cancellationToken)
                .ConfigureAwait(false);
            journal.Take(left);
        }
    }

    /// <summary>Writes what is followed from now on; all other bitmaps are marked in use. Under the journal's gate.</summary>
    public async ValueTask FollowAsync(JournalledBitmap[] bitmaps, CancellationToken cancellationToken)
    {
        if (bitmaps.Length == 0)
        {
            await MarkInUseAsync(cancellationToken).ConfigureAwait(false);
            return;
        }
        await ReplaceAsync(
            async (saver, directory) =>
            {
                var gone = TakeOut(directory, [.. bitmaps.Select(b => b.Name)]);
                for (var i = 0; i < directory.Count; i++)
                    directory[i] = directory[i] with { Flags = directory[i].Flags | BitmapFlags.InUse };
                for (var i = 0; i < bitmaps.Length; i++)
                    directory.Insert(i, await saver.SaveAsync(bitmaps[i], cancellationToken).ConfigureAwait(false));
                return gone;
            },
            bitmaps.Length,
            cancellationToken).ConfigureAwait(false);
    }

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

    private async ValueTask<bool> HasSoundTableAsync(BitmapEntry entry, CancellationToken cancellationToken)
    {
        var table = await TopTable.LoadAsync(
            image.File, entry.TableOffset, entry.TableEntries, cancellationToken).ConfigureAwait(false);
        return table.All(e => BitmapEntry.IsTableEntry(e, _geometry));
    }

    private static List<BitmapEntry> TakeOut(List<BitmapEntry> directory, string[] names)
    {
        var gone = directory.Where(e => names.Contains(e.Name)).ToList();
        directory.RemoveAll(gone.Contains);
        return gone;
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
    /// <param name="followed">So many of the changed list are followed, from the first on.</param>
    private async ValueTask ReplaceAsync(
        Func<BitmapSaver, List<BitmapEntry>, ValueTask<List<BitmapEntry>>> change,
        int followed,
        CancellationToken cancellationToken)
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
                await BitmapDirectory.SwitchAsync(image, place, followed).ConfigureAwait(false);
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
