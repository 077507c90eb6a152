// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>Tells the guard of an image opened for writing where its metadata lies.</summary>
internal static class MetadataSurvey
{
    /// <summary>Beyond this, knowing all L2 tables of snapshots costs too much memory.</summary>
    private const long MaxInactiveEntries = 8L << 20;

    /// <summary>Bits of an entry that hold an offset; those of a refcount table entry reach to the top.</summary>
    public const ulong RefcountBlockMask = ~0x1ffUL;

    /// <exception cref="BlockException">There is more to know than the option allows memory for.</exception>
    public static async ValueTask TakeAsync(Qcow2Image image, CancellationToken cancellationToken)
    {
        var (guard, header) = (image.Guard, image.Header.Current);
        guard.AddTable(0, image.Geometry.ClusterSize, MetadataKinds.MainHeader);
        guard.AddTable(header.L1Offset, (long)header.L1Entries * sizeof(ulong), MetadataKinds.ActiveL1);
        guard.AddTable(
            header.RefcountTableOffset, (long)header.RefcountTableClusters << header.ClusterBits, MetadataKinds.RefcountTable);
        guard.AddTable(header.SnapshotsOffset, image.SnapshotTableBytes, MetadataKinds.SnapshotTable);
        guard.AddTables(image.Snapshots.Select(s => (s.L1Offset, (long)s.L1Entries * sizeof(ulong))), MetadataKinds.InactiveL1);
        NoteBitmaps(guard, header);
        guard.AddNamed(image.L1.Entries, L1Entry.OffsetMask, MetadataKinds.ActiveL2);
        guard.AddNamed(image.Allocator.Table.Entries, RefcountBlockMask, MetadataKinds.RefcountBlock);
        if ((guard.Enabled & MetadataKinds.InactiveL2) != 0) await NoteInactiveAsync(
            image, cancellationToken).ConfigureAwait(false);
    }

    private static void NoteBitmaps(CorruptionGuard guard, Qcow2Header header)
    {
        if (!header.Autoclear.HasFlag(AutoclearFeatures.Bitmaps)
            || header.Extension(HeaderExtension.Bitmaps) is not { } extension) return;
        try
        {
            var bitmaps = BitmapsExtension.Parse(extension.Data, header.Geometry());
            guard.AddTable(bitmaps.DirectoryOffset, bitmaps.DirectorySize, MetadataKinds.BitmapDirectory);
        }
        catch (Qcow2FormatException)
        {
            // Broken bitmaps are for whoever reads them to name.
        }
    }

    private static async ValueTask NoteInactiveAsync(Qcow2Image image, CancellationToken cancellationToken)
    {
        if (image.Snapshots.Sum(s => (long)s.L1Entries) > MaxInactiveEntries)
        {
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                "The snapshots have too many L2 tables to check writes against them: set overlap-check.inactive-l2 to off");
        }
        foreach (var snapshot in image.Snapshots)
        {
            var l1 = await TopTable.LoadAsync(
                image.File, snapshot.L1Offset, snapshot.L1Entries, cancellationToken).ConfigureAwait(false);
            image.Guard.AddNamed(l1, L1Entry.OffsetMask, MetadataKinds.InactiveL2);
        }
    }
}
