// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Bitmaps;

/// <summary>Reads the content of one bitmap: a table of clusters, each with the bits of consecutive units.</summary>
internal sealed class BitmapLoader(Qcow2Image image)
{
    private const int TableChunk = 8192;

    private readonly ClusterGeometry _geometry = image.Geometry;

    public async ValueTask LoadAsync(BitmapEntry entry, IDirtyBitmap target, CancellationToken cancellationToken)
    {
        var bytes = BitmapEntry.ContentBytes(image.Length, entry.GranularityBits);
        var clusters = _geometry.ClustersFor(bytes);

        // One that was followed may have been left when its disk was about to get longer.
        if (entry.InUse) clusters = Math.Min(clusters, entry.TableEntries);
        if (entry.TableEntries < clusters)
            throw new Qcow2FormatException($"Bitmap '{entry.Name}' doesn't satisfy the constraints");
        using var buffer = image.Buffers.Rent(_geometry.ClusterSize);
        for (long first = 0; first < clusters; first += TableChunk)
        {
            var count = (int)Math.Min(TableChunk, clusters - first);
            var table = await TopTable.LoadAsync(
                image.File, entry.TableOffset + (first * sizeof(ulong)), count, cancellationToken).ConfigureAwait(false);
            for (var i = 0; i < count; i++)
                await LoadClusterAsync(
                    table[i], first + i, bytes, target, buffer.Memory, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask LoadClusterAsync(
        ulong entry, long index, long bytes, IDirtyBitmap target, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var start = index << _geometry.ClusterBits;
        var length = (int)Math.Min(_geometry.ClusterSize, bytes - start);
        var host = (long)(entry & BitmapEntry.OffsetMask);
        if (!BitmapEntry.IsTableEntry(entry, _geometry))
            throw new Qcow2FormatException($"Bitmap '{target.Name}' has an invalid table entry {index}: {entry:x}");
        if (host != 0)
        {
            // Bits come in words; what is behind the last unit is left out.
            var words = buffer[..((length + 7) & ~7)];
            await image.File.ReadAsync(host, words, cancellationToken: cancellationToken).ConfigureAwait(false);
            target.AddBits(start * 8, words.Span);
        }
        else if ((entry & BitmapEntry.AllOnes) != 0)
        {
            target.Set(
                start * 8 * target.Granularity,
                Math.Min(length * 8L * target.Granularity, target.Length - (start * 8 * target.Granularity)));
        }
    }
}
