// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Bitmaps;

/// <summary>
/// Refuses an image whose bitmaps QEMU refuses, in its words and order. Everything that reads or lists them later can rely on it.
/// </summary>
internal sealed class BitmapValidation(Qcow2Image image)
{
    private const int HeadSize = 24;

    private readonly ClusterGeometry _geometry = image.Geometry;

    /// <exception cref="Qcow2FormatException">The directory, an entry or a table is damaged.</exception>
    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        if (BitmapDirectory.Place(image.Header.Current) is not { } place) return;
        var bytes = new byte[place.DirectorySize];
        await image.File.ReadAsync(place.DirectoryOffset, bytes, cancellationToken: cancellationToken).ConfigureAwait(false);
        CheckEntries(bytes, place.Count);
        var names = new HashSet<string>();
        foreach (var entry in BitmapEntry.ParseDirectory(bytes, _geometry))
        {
            if (!entry.InUse) await CheckTableAsync(entry, cancellationToken).ConfigureAwait(false);
            if (!names.Add(entry.Name)) throw new Qcow2FormatException($"Bitmap already exists: {entry.Name}");
        }
    }

    private void CheckEntries(ReadOnlySpan<byte> directory, uint expected)
    {
        var count = 0u;
        for (; directory.Length > 0; count++)
        {
            if (directory.Length < HeadSize) throw new Qcow2FormatException("Broken bitmap directory");
            if (count == expected) throw new Qcow2FormatException("More bitmaps found than specified in header extension");
            var nameLength = BinaryPrimitives.ReadUInt16BigEndian(directory[18..]);
            var extra = BinaryPrimitives.ReadUInt32BigEndian(directory[20..]);
            var size = (HeadSize + (long)nameLength + extra + 7) & ~7L;
            if (size > directory.Length) throw new Qcow2FormatException("Broken bitmap directory");
            if (extra != 0) throw new Qcow2FormatException("Bitmap extra data is not supported");
            CheckEntry(directory, directory.Slice(HeadSize, nameLength));
            directory = directory[(int)size..];
        }
        if (count < expected) throw new Qcow2FormatException("Less bitmaps found than specified in header extension");
    }

    private void CheckEntry(ReadOnlySpan<byte> entry, ReadOnlySpan<byte> name)
    {
        const BitmapFlags Served = BitmapFlags.InUse | BitmapFlags.Auto;
        var offset = BinaryPrimitives.ReadUInt64BigEndian(entry);
        var clusters = BinaryPrimitives.ReadUInt32BigEndian(entry[8..]);
        var flags = (BitmapFlags)BinaryPrimitives.ReadUInt32BigEndian(entry[BitmapEntry.FlagsOffset..]);
        var (type, granularity) = (entry[16], entry[17]);
        var isSound = clusters > 0 && offset is > 0 and <= long.MaxValue && _geometry.IsClusterAligned((long)offset)
            && (long)clusters << _geometry.ClusterBits <= BitmapEntry.MaxContentBytes
            && (flags & ~Served) == 0 && type == BitmapEntry.DirtyTracking && name.Length <= BitmapEntry.MaxNameLength
            && granularity is >= BitmapEntry.MinGranularityBits and <= BitmapEntry.MaxGranularityBits
            && (flags.HasFlag(BitmapFlags.InUse) || ClustersFor(granularity) <= clusters);
        if (!isSound) throw new Qcow2FormatException($"Bitmap '{Encoding.UTF8.GetString(name)}' doesn't satisfy the constraints");
    }

    private async ValueTask CheckTableAsync(BitmapEntry entry, CancellationToken cancellationToken)
    {
        var table = await TopTable.LoadAsync(
            image.File, entry.TableOffset, entry.TableEntries, cancellationToken).ConfigureAwait(false);
        if (!table.All(e => BitmapEntry.IsTableEntry(e, _geometry)))
            throw new Qcow2FormatException(
                $"Could not read bitmap_table table from image for bitmap '{entry.Name}': Invalid argument");
        if (entry.TableEntries != ClustersFor(entry.GranularityBits))
            throw new Qcow2FormatException($"Could not read bitmap '{entry.Name}' from image: Invalid argument");
    }

    private long ClustersFor(int granularityBits) =>
        _geometry.ClustersFor(BitmapEntry.ContentBytes(image.Length, granularityBits));
}
