// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Parallels.Format;

namespace BlockHost.Plugins.Block.Parallels.Bitmaps;

/// <summary>The dirty bitmaps of an image that is open for reading. Their names are their ids.</summary>
internal sealed class BitmapReader(ParallelsImage image, FormatExtension extension) : IBitmapStore
{
    private const int ChunkSize = 1 << 16;

    public ValueTask<IReadOnlyList<StoredBitmap>> ListAsync(CancellationToken cancellationToken)
    {
        // One that was open when its program died is out of date.
        var isInUse = image.Header.InUse == ParallelsHeader.OpenMark;
        return new([.. extension.Bitmaps.Select(bitmap =>
            new StoredBitmap(NameOf(bitmap), bitmap.Granularity * (long)ParallelsHeader.SectorSize, isInUse, Auto: true))]);
    }

    public async ValueTask LoadAsync(StoredBitmap stored, IDirtyBitmap target, CancellationToken cancellationToken)
    {
        var bitmap = extension.Bitmaps.First(known => NameOf(known) == stored.Name);
        var units = (image.Length + target.Granularity - 1) / target.Granularity;
        var bytes = (units + 7) / 8;
        if (bitmap.Clusters.Count < (bytes + image.BlockSize - 1) / image.BlockSize)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Bitmaps feature corrupted: l1 table is too small");
        for (long done = 0; done < bytes;)
        {
            var (index, within) = Math.DivRem(done, image.BlockSize);
            var length = Math.Min(Math.Min(bytes - done, image.BlockSize - within), ChunkSize);
            await LoadPartAsync(
                bitmap.Clusters[(int)index], within, done * 8, length, target, cancellationToken).ConfigureAwait(false);
            done += length;
        }
    }

    public ValueTask MarkInUseAsync(CancellationToken cancellationToken) => throw ReadOnly();

    public ValueTask CheckNewAsync(
        string name,
        long granularity,
        IReadOnlyList<IDirtyBitmap> unsaved,
        CancellationToken cancellationToken) => throw ReadOnly();

    public ValueTask StoreAsync(IReadOnlyList<IDirtyBitmap> bitmaps, CancellationToken cancellationToken) => throw ReadOnly();

    public ValueTask RemoveAsync(string name, CancellationToken cancellationToken) => throw ReadOnly();

    private async ValueTask LoadPartAsync(
        ulong cluster, long within, long firstUnit, long bytes, IDirtyBitmap target, CancellationToken cancellationToken)
    {
        if (cluster == 1)
        {
            var start = firstUnit * target.Granularity;
            target.Set(start, Math.Min(bytes * 8 * target.Granularity, target.Length - start));
        }
        else if (cluster > 1)
        {
            if (cluster > (ulong)image.File.Length / ParallelsHeader.SectorSize)
                throw new BlockException(BlockErrorKind.InvalidArgument, "Failed to read bitmap data cluster");
            // Bits come in words; what is behind the last unit is left out.
            var bits = new byte[(bytes + 7) / 8 * 8];
            await image.File.ReadAsync(
                (long)cluster * ParallelsHeader.SectorSize + within,
                bits,
                ReadFlags.None,
                cancellationToken).ConfigureAwait(false);
            target.AddBits(firstUnit, bits);
        }
    }

    private static string NameOf(RecordedBitmap bitmap) => bitmap.Id.ToString();

    private static BlockException ReadOnly() => new(BlockErrorKind.NotSupported, "Bitmaps of Parallels images can only be read");
}
