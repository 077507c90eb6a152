// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Bitmaps;

/// <summary>The bitmap directory on disk. Members run under the metadata lock.</summary>
/// <remarks>
/// A directory is never changed in place, except that entries are marked in use: that is one byte each, and a directory
/// with some of them marked is as good as one with none or all. Everything else is a new directory, which the header
/// names once it is durable. Entries that are followed (<see cref="JournalExtension"/>) come first.
/// </remarks>
internal static class BitmapDirectory
{
    /// <summary>Where the directory lies, or null: the extension counts only while the autoclear bit vouches for it.</summary>
    public static BitmapsExtension? Place(Qcow2Header header) =>
        header.Autoclear.HasFlag(AutoclearFeatures.Bitmaps) && header.Extension(HeaderExtension.Bitmaps) is { } extension
            ? BitmapsExtension.Parse(extension.Data, header.Geometry())
            : null;

    /// <summary>
    /// So many entries, from the first on, are marked in use and hold all that was marked, although nobody has stored them.
    /// </summary>
    public static int Followed(Qcow2Header header) =>
        header.Autoclear.HasFlag(AutoclearFeatures.BitmapJournal) && Place(header) is { } place
            && JournalExtension.TryParse(header.Extension(HeaderExtension.BitmapJournal), out var journal)
            && journal.Value.DirectoryOffset == place.DirectoryOffset
            ? (int)Math.Min(journal.Value.Count, place.Count)
            : 0;

    /// <exception cref="Qcow2FormatException">The directory contradicts the header or itself.</exception>
    public static async ValueTask<List<BitmapEntry>> LoadAsync(Qcow2Image image, CancellationToken cancellationToken = default)
    {
        if (Place(image.Header.Current) is not { } place) return [];
        var bytes = new byte[place.DirectorySize];
        await image.File.ReadAsync(place.DirectoryOffset, bytes, cancellationToken: cancellationToken).ConfigureAwait(false);
        var entries = BitmapEntry.ParseDirectory(bytes, image.Geometry);
        if (entries.Count != place.Count) throw new Qcow2FormatException(
            $"Bitmap directory has {entries.Count} entries, the header says {place.Count}");
        if (entries.DistinctBy(e => e.Name).Count() != entries.Count) throw new Qcow2FormatException(
            "Bitmap directory has two entries of the same name");
        return entries;
    }

    /// <summary>Marks all entries in use where they are, and none as followed; durable when this returns.</summary>
    public static async ValueTask MarkInUseAsync(Qcow2Image image, CancellationToken cancellationToken)
    {
        if (Place(image.Header.Current) is not { } place) return;
        var at = place.DirectoryOffset;
        var changed = false;
        foreach (var entry in await LoadAsync(image, cancellationToken).ConfigureAwait(false))
        {
            if (!entry.InUse)
            {
                var lowByte = new[] { (byte)(entry.Flags | BitmapFlags.InUse) };
                await image.File.WriteAsync(
                    at + BitmapEntry.FlagsOffset + 3, lowByte, cancellationToken: cancellationToken).ConfigureAwait(false);
                changed = true;
            }
            at += entry.EncodedSize;
        }
        if (changed) await image.File.FlushAsync(cancellationToken).ConfigureAwait(false);
        var header = image.Header.Current;
        if (header.Autoclear.HasFlag(AutoclearFeatures.BitmapJournal))
            await image.Header.UpdateAsync(header with { Autoclear = header.Autoclear & ~AutoclearFeatures.BitmapJournal })
                .ConfigureAwait(false);
    }

    /// <summary>Makes a directory that is on disk the image's, or (null) leaves it without one. Flushes are paused.</summary>
    /// <param name="followed">So many entries are followed, from the first on.</param>
    public static async ValueTask SwitchAsync(Qcow2Image image, BitmapsExtension? next, int followed)
    {
        var old = Place(image.Header.Current);
        await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
        await image.Header.UpdateAsync(With(WithJournal(image.Header.Current, next, followed), next)).ConfigureAwait(false);
        if (old is { } gone)
        {
            image.Guard.RemoveTable(gone.DirectoryOffset, gone.DirectorySize, MetadataKinds.BitmapDirectory);
            image.Allocator.Retire(Clusters(image, gone.DirectoryOffset, gone.DirectorySize));
        }
        if (next is { } place) image.Guard.AddTable(place.DirectoryOffset, place.DirectorySize, MetadataKinds.BitmapDirectory);
    }

    public static ClusterRun Clusters(Qcow2Image image, long offset, long bytes) =>
        new(image.Geometry.ClusterIndex(offset), image.Geometry.ClustersFor(bytes));

    private static Qcow2Header WithJournal(Qcow2Header header, BitmapsExtension? place, int followed)
    {
        var others = header.Extensions.Where(e => e.Type != HeaderExtension.BitmapJournal);
        if (place is not { } bitmaps || followed == 0)
            return header with { Extensions = [.. others], Autoclear = header.Autoclear & ~AutoclearFeatures.BitmapJournal };
        var data = new JournalExtension(bitmaps.DirectoryOffset, (uint)followed).Encode();
        return header with
        {
            Extensions = [.. others, new HeaderExtension(HeaderExtension.BitmapJournal, data)],
            Autoclear = header.Autoclear | AutoclearFeatures.BitmapJournal,
        };
    }

    private static Qcow2Header With(Qcow2Header header, BitmapsExtension? place)
    {
        if (place is not { } bitmaps)
        {
            return header.WithExtension(
                HeaderExtension.Bitmaps, null) with
            { Autoclear = header.Autoclear & ~AutoclearFeatures.Bitmaps };
        }

        // QEMU puts it behind all others; where there is one, it keeps its place.
        var next = header.Extension(HeaderExtension.Bitmaps) is null
            ? header with { Extensions = [.. header.Extensions, new HeaderExtension(HeaderExtension.Bitmaps, bitmaps.Encode())] }
            : header.WithExtension(HeaderExtension.Bitmaps, bitmaps.Encode());
        return next with { Autoclear = header.Autoclear | AutoclearFeatures.Bitmaps };
    }
}
