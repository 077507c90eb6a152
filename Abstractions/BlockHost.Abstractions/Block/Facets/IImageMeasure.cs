// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Block.Facets;

/// <summary>Bytes of storage a new image needs at least, and when all of it is written.</summary>
public sealed record ImageMeasure(long Required, long FullyAllocated)
{
    /// <summary>Bytes for persistent bitmaps, where the source has any.</summary>
    public long? Bitmaps { get; init; }
}

/// <summary>Facet of <see cref="BlockDriver"/>: the size of an image to be made.</summary>
public interface IImageMeasure
{
    /// <param name="source">Content of the image, or null for an empty one of the size in the options.</param>
    ValueTask<ImageMeasure> MeasureAsync(JsonElement createOptions, IBlockChild? source, CancellationToken cancellationToken);
}
