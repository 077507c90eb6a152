// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Images;

/// <summary>Storage that nobody makes, and that an image is made in all the same.</summary>
internal static class ExistingStorage
{
    private const int SectorSize = 512;

    public static IReadOnlyList<CreateOption> Options { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new("preallocation", CreateOptionKind.String, "Preallocation mode (allowed values: off)", "preallocation"),
    ];

    /// <summary>Checks that the image will fit, and clears the first sector, so that what was there is not taken for an image.</summary>
    public static async ValueTask PrepareAsync(ImageOpener images, string fileName, BlockDriver protocol, long size, string? preallocation, CancellationToken cancellationToken)
    {
        if (preallocation is not (null or "off"))
            throw new BlockException(BlockErrorKind.NotSupported, $"Unsupported preallocation mode '{preallocation}'");
        var mode = new OpenMode { Writable = true, Resizes = true };
        await using var image = await OpenAsync(images, fileName, protocol, mode, cancellationToken);
        await image.Node.ResizeAsync(size, new ResizeOptions(MayExceed: true), cancellationToken);
        await using var queue = image.Backend.OpenQueue();
        var cleared = await queue.WriteZeroesAsync(0, Math.Min(SectorSize, image.Length), cancellationToken: cancellationToken);
        if (!cleared.IsOk)
            throw new BlockException(BlockErrorKind.Io, $"Failed to clear the new image's first sector: {ErrnoText.Of(cleared.Errno)}", cleared.Errno);
    }

    private static async ValueTask<OpenImage> OpenAsync(ImageOpener images, string fileName, BlockDriver protocol, OpenMode mode, CancellationToken cancellationToken)
    {
        try
        {
            return await images.OpenAsync(new ImageSource(fileName, protocol.FormatName), mode, cancellationToken);
        }
        catch (BlockException e)
        {
            var reason = $"Protocol driver '{protocol.FormatName}' does not support image creation, and opening the image failed: ";
            throw new BlockException(e.Kind, reason + e.Message, e.Errno, e) { Hint = e.Hint };
        }
    }
}
