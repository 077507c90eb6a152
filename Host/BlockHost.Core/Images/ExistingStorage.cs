// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Images;

/// <summary>Storage that nobody makes, and that an image is made in all the same.</summary>
internal static class ExistingStorage
{
    private const int SectorSize = 512;

    private static readonly BackendOptions Writer = new()
    {
        Permissions = new(
            BlockPermissions.ConsistentRead | BlockPermissions.Write | BlockPermissions.Resize, BlockPermissions.All),
    };

    public static IReadOnlyList<CreateOption> Options { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new("preallocation", CreateOptionKind.String, "Preallocation mode (allowed values: off)", "preallocation"),
    ];

    /// <summary>
    /// Checks that the image will fit, and clears the first sector, so that what was there is not taken for an image.
    /// </summary>
    public static async ValueTask PrepareAsync(
        IBlockGraph graph,
        JsonElement storage,
        BlockDriver protocol,
        long size,
        string? preallocation,
        CancellationToken cancellationToken)
    {
        if (preallocation is not (null or "off"))
            throw new BlockException(BlockErrorKind.NotSupported, $"Unsupported preallocation mode '{preallocation}'");
        var backend = await OpenAsync(graph, storage, protocol, cancellationToken).ConfigureAwait(false);
        await using var closed = backend.ConfigureAwait(false);
        await backend.Node.ResizeAsync(size, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        var queue = backend.OpenQueue();
        await using var ended = queue.ConfigureAwait(false);
        var cleared = await queue.WriteZeroesAsync(
            0, Math.Min(SectorSize, backend.Length), cancellationToken: cancellationToken).ConfigureAwait(false);
        if (!cleared.IsOk)
            throw new BlockException(
                BlockErrorKind.Io, $"Failed to clear the new image's first sector: {ErrnoText.Of(cleared.Errno)}", cleared.Errno);
    }

    private static async ValueTask<IBlockBackend> OpenAsync(
        IBlockGraph graph, JsonElement storage, BlockDriver protocol, CancellationToken cancellationToken)
    {
        try
        {
            return await graph.OpenAsync(BlockdevRef.New(storage), Writer, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            var reason =
                $"Protocol driver '{protocol.FormatName}' does not support image creation, and opening the image failed: ";
            throw new BlockException(e.Kind, reason + e.Message, e.Errno, e) { Hint = e.Hint };
        }
    }
}
