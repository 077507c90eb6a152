// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Plugins.Block.Parallels.Format;

namespace BlockHost.Plugins.Block.Parallels.Bitmaps;

/// <summary>
/// The bits of a bitmap in clusters of their own, least significant first; clusters of nothing but 0 or 1 take no room.
/// </summary>
internal static class BitmapBits
{
    private const int ChunkSize = 1 << 16;

    public static int ClustersFor(ParallelsImage image, long granularity) =>
        checked((int)((BytesFor(image, granularity) + image.BlockSize - 1) / image.BlockSize));

    public static async ValueTask LoadAsync(
        ParallelsImage image, RecordedBitmap bitmap, IDirtyBitmap target, CancellationToken cancellationToken)
    {
        var bytes = BytesFor(image, target.Granularity);
        if (bitmap.Clusters.Count < ClustersFor(image, target.Granularity))
            throw new BlockException(BlockErrorKind.InvalidArgument, "Bitmaps feature corrupted: l1 table is too small");
        for (long done = 0; done < bytes;)
        {
            var (index, within) = Math.DivRem(done, image.BlockSize);
            var length = Math.Min(Math.Min(bytes - done, image.BlockSize - within), ChunkSize);
            await LoadPartAsync(
                image, bitmap.Clusters[(int)index], within, done * 8, length, target, cancellationToken).ConfigureAwait(false);
            done += length;
        }
    }

    /// <returns>What is in the image then, and that nothing points at yet.</returns>
    public static async ValueTask<RecordedBitmap> SaveAsync(
        ParallelsImage image, Guid id, IDirtyBitmap bitmap, CancellationToken cancellationToken)
    {
        var clusters = new ulong[ClustersFor(image, bitmap.Granularity)];
        using var buffer = image.Buffers.Rent((int)image.BlockSize);
        var bits = buffer.Memory[..(int)image.BlockSize];
        for (var i = 0; i < clusters.Length; i++)
        {
            clusters[i] = bitmap.ReadBits(i * image.BlockSize * 8, bits.Span) switch
            {
                BitmapUniformity.AllClean => 0,
                BitmapUniformity.AllDirty => 1,
                _ => await SaveAsync(image, bits, cancellationToken).ConfigureAwait(false),
            };
        }

        return new(id, image.Header.Sectors, (uint)(bitmap.Granularity / ParallelsHeader.SectorSize), clusters);
    }

    private static async ValueTask<ulong> SaveAsync(
        ParallelsImage image, Memory<byte> bits, CancellationToken cancellationToken)
    {
        var place = await image.TakeClusterAsync(cancellationToken).ConfigureAwait(false);
        await image.File.WriteAsync(place, bits, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        return (ulong)(place / ParallelsHeader.SectorSize);
    }

    private static long BytesFor(ParallelsImage image, long granularity) =>
        ((image.Length + granularity - 1) / granularity + 7) / 8;

    private static async ValueTask LoadPartAsync(
        ParallelsImage image,
        ulong cluster,
        long within,
        long firstUnit,
        long bytes,
        IDirtyBitmap target,
        CancellationToken cancellationToken)
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
}
