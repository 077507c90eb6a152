// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Block.Qcow2.Tests.Malformed;

/// <summary>What a place in an image means, so that mutations hit what matters.</summary>
internal enum Field
{
    HeaderField,
    Extension,
    L1Entry,
    L2Entry,
    SubclusterBitmap,
    RefcountTableEntry,
    Refcount,
    SnapshotEntry,
    SnapshotL1Entry,
    BitmapDirectory,
    BitmapTableEntry,
}

internal readonly record struct Place(Field Field, int Offset, int Size);

/// <summary>Finds the metadata of a sound image.</summary>
internal sealed class ImageMap
{
    private readonly byte[] _image;

    public ImageMap(byte[] image)
    {
        _image = image;
        Header = HeaderParser.Parse(image.AsSpan(0, HeaderParser.ParseClusterSize(image)));
        Geometry = Header.Geometry();
        AddHeader();
        AddMappings(Field.L1Entry, (int)Header.L1Offset, Header.L1Entries);
        AddRefcounts();
        AddSnapshots();
        AddBitmaps();
    }

    public Qcow2Header Header { get; }

    public ClusterGeometry Geometry { get; }

    public List<Place> Places { get; } = [];

    public IEnumerable<Place> Of(params Field[] fields) => Places.Where(p => fields.Contains(p.Field));

    private void AddHeader()
    {
        for (var at = 0; at < 112; at += 4) Places.Add(new Place(Field.HeaderField, at, 4));
        for (var at = Header.Version == 2 ? 72 : 112; at < Math.Min(640, Geometry.ClusterSize); at += 8) Places.Add(
            new Place(Field.Extension, at, 8));
    }

    private void AddMappings(Field field, int offset, int entries)
    {
        for (var i = 0; i < entries; i++)
        {
            var at = offset + (i * 8);
            Places.Add(new Place(field, at, 8));
            var table = (int)new L1Entry(U64(at)).TableOffset;
            if (table == 0 || Places.Contains(new Place(Field.L2Entry, table, 8))) continue;
            for (var j = 0; j < Geometry.L2Entries; j++)
            {
                var entry = table + (j * Geometry.L2EntrySize);

                // A few empty ones are enough.
                if (U64(entry) == 0 && j % 64 != 0) continue;
                Places.Add(new Place(Field.L2Entry, entry, 8));
                if (Geometry.ExtendedL2) Places.Add(new Place(Field.SubclusterBitmap, entry + 8, 8));
            }
        }
    }

    private void AddRefcounts()
    {
        for (var i = 0; i < Header.RefcountTableClusters * Geometry.RefcountTableEntriesPerCluster; i++)
        {
            var at = (int)Header.RefcountTableOffset + (i * 8);
            var block = (int)U64(at);
            if (block != 0 || i < 8) Places.Add(new Place(Field.RefcountTableEntry, at, 8));
            if (block == 0) continue;
            var bytes = Math.Max(1, Geometry.RefcountBits / 8);
            var clusters = (_image.Length + Geometry.ClusterSize - 1) / Geometry.ClusterSize;
            var used = Math.Min(Geometry.RefblockEntries, clusters + 4) * Geometry.RefcountBits / 8;
            for (var j = 0; j < used; j += bytes) Places.Add(new Place(Field.Refcount, block + j, bytes));
        }
    }

    private void AddSnapshots()
    {
        var at = (int)Header.SnapshotsOffset;
        for (var i = 0; i < Header.SnapshotCount; i++)
        {
            var bytes = _image.AsSpan(at, Math.Min(SnapshotTable.MaxEntrySize, _image.Length - at));
            var (entry, size) = (SnapshotTable.ParseEntry(bytes), (int)SnapshotTable.EntrySize(bytes));
            for (var j = 0; j < size; j += 4) Places.Add(new Place(Field.SnapshotEntry, at + j, 4));
            AddMappings(Field.SnapshotL1Entry, (int)entry.L1Offset, entry.L1Entries);
            at += size;
        }
    }

    private void AddBitmaps()
    {
        if (Header.Extension(HeaderExtension.Bitmaps) is not { } extension) return;
        var bitmaps = BitmapsExtension.Parse(extension.Data, Geometry);
        for (var at = 0; at < bitmaps.DirectorySize; at += 4) Places.Add(
            new Place(Field.BitmapDirectory, (int)bitmaps.DirectoryOffset + at, 4));
        foreach (var bitmap in BitmapEntry.ParseDirectory(
            _image.AsSpan((int)bitmaps.DirectoryOffset, (int)bitmaps.DirectorySize), Geometry))
        {
            for (var i = 0; i < bitmap.TableEntries; i++) Places.Add(
                new Place(Field.BitmapTableEntry, (int)bitmap.TableOffset + (i * 8), 8));
        }
    }

    private ulong U64(int at) => BinaryPrimitives.ReadUInt64BigEndian(_image.AsSpan(at));
}
