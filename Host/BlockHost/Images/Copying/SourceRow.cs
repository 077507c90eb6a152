// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Images.Copying;

/// <summary>One source in the row, and where it begins in it.</summary>
/// <param name="Alignment">Status is best asked for in multiples of this: the cluster size, where there is one.</param>
internal sealed record PlacedSource(OpenImage Image, long Start, long Length, long Alignment)
{
    public long End => Start + Length;
}

/// <summary>Images one behind the other, as if they were one.</summary>
internal sealed class SourceRow
{
    private const long Sector = 512;

    private SourceRow(IReadOnlyList<PlacedSource> sources) => Sources = sources;

    public IReadOnlyList<PlacedSource> Sources { get; }

    public long Length => Sources is [.., var last] ? last.End : 0;

    public static async ValueTask<SourceRow> OfAsync(IReadOnlyList<OpenImage> images, CancellationToken cancellationToken)
    {
        var placed = new List<PlacedSource>();
        var start = 0L;
        foreach (var image in images)
        {
            // An image is whole sectors for its users; what lies past its end reads as zeroes.
            var length = (image.Length + Sector - 1) / Sector * Sector;
            var facts = await image.Node.GetFactsAsync(cancellationToken);
            placed.Add(
                new(image, start, length, Math.Max(image.Profile.Limits.RequestAlignment, Math.Max(Sector, facts.ClusterSize))));
            start += length;
        }

        return new(placed);
    }

    /// <summary>Index of the source that holds <paramref name="offset"/>, which lies within the row.</summary>
    public int IndexAt(long offset)
    {
        var index = 0;
        while (offset >= Sources[index].End)
            index++;
        return index;
    }

    /// <summary>A reader for one worker.</summary>
    public SourceReader OpenReader() => new(this);
}

/// <summary>Reads from a row of images.</summary>
internal sealed class SourceReader(SourceRow row) : IAsyncDisposable
{
    private readonly IBlockQueue[] _queues = [.. row.Sources.Select(source => source.Image.Backend.OpenQueue())];

    /// <summary>Fills <paramref name="target"/>, over the borders between images.</summary>
    public async ValueTask<IoStatus> ReadAsync(long offset, Memory<byte> target, CancellationToken cancellationToken)
    {
        while (!target.IsEmpty)
        {
            var index = row.IndexAt(offset);
            var source = row.Sources[index];
            var run = (int)Math.Min(target.Length, source.End - offset);
            var status = await ReadOneAsync(index, offset - source.Start, target[..run], cancellationToken);
            if (!status.IsOk)
                return status;
            offset += run;
            target = target[run..];
        }

        return default;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var queue in _queues)
            await queue.DisposeAsync();
    }

    private ValueTask<IoStatus> ReadOneAsync(int index, long offset, Memory<byte> target, CancellationToken cancellationToken)
    {
        var there = (int)Math.Clamp(row.Sources[index].Image.Length - offset, 0, target.Length);
        target.Span[there..].Clear();
        return _queues[index].ReadAsync(offset, target[..there], cancellationToken: cancellationToken);
    }
}
