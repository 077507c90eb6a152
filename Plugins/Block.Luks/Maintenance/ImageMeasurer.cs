// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Luks;

namespace BlockHost.Plugins.Block.Luks.Maintenance;

/// <summary>How large an image to be made would be: its header and its disk, whatever that holds.</summary>
internal sealed class ImageMeasurer : IImageMeasure
{
    public ValueTask<ImageMeasure> MeasureAsync(
        JsonElement createOptions, IBlockChild? source, CancellationToken cancellationToken)
    {
        // Enough of the options for the settings alone: a file need not be named.
        var settings = createOptions.Deserialize(LuksJson.Default.LuksMeasureOptions)!;
        if (settings.KeySecret is null)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Parameter 'key-secret' is required for cipher");
        using var creation = new LuksCreation(settings);
        var size = source?.Length ?? settings.Size;
        if (size > long.MaxValue - creation.HeaderBytes)
            throw new BlockException(BlockErrorKind.InvalidArgument, "The image size is too large", Errno.EFBIG);
        return new(new ImageMeasure(creation.HeaderBytes + size, creation.HeaderBytes + size));
    }
}
