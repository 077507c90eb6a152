// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Images;
using BlockHost.Images.Copying;

namespace BlockHost.Tools.Img;

/// <summary>
/// qemu-img commit: writes what an overlay (and the layers down to a base) hold into the base, and empties the overlay.
/// The base is durable before anything is taken out of the overlay, so the chain reads the same at every moment.
/// </summary>
internal sealed class CommitCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new("f:ht:b:dpqr:", "help=h", "object:", "image-opts");

    private string? _format;
    private string? _base;
    private CacheMode _cache;
    private long _rateLimit;
    private bool _keepOverlay;
    private bool _progressWanted;
    private bool _quiet;
    private bool _imageOptions;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var name = await ParseAsync(args, cancellationToken);
        var mode = new OpenMode { Writable = true, Cache = _cache, Discard = "unmap" };
        var image = await context.OpenAsync(new(name, _format, _imageOptions), mode, cancellationToken);
        await using (image)
        {
            using var progress = context.StartProgress(_progressWanted && !_quiet);
            await CommitAsync(image, FindBase(image), progress, cancellationToken);
            progress.Complete();
        }

        if (!_quiet)
            context.Out.Write("Image committed.\n");
        return 0;
    }

    private async ValueTask<string> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        var cache = "writeback";
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": _format = item.Value; break;
                case "t": cache = item.Value!; break;
                case "b":
                    // The layers between keep their data, so the overlay must keep what hides it.
                    (_base, _keepOverlay) = (item.Value, true);
                    break;
                case "d": _keepOverlay = true; break;
                case "p": _progressWanted = true; break;
                case "q": _quiet = true; break;
                case "r": _rateLimit = Sizes.Parse("rate limit", item.Value!); break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        if (names.Count != 1)
            throw ToolException.Usage("Expecting one image file name");
        _cache = context.ParseCache(cache);
        return names[0];
    }

    /// <summary>How many layers lie above the image that is written to.</summary>
    private int FindBase(OpenImage image)
    {
        if (_base is null)
            return image.Node.Backing is null ? throw new ToolException("Image does not have a backing file") : 1;
        return BackingChain.DepthOf(image.Node, _base) is > 0 and var depth
            ? depth
            : throw new ToolException($"Did not find '{_base}' in the backing chain of '{image.Name}'");
    }

    private async ValueTask CommitAsync(OpenImage image, int layers, ProgressLine progress, CancellationToken cancellationToken)
    {
        var target = await TakeBaseAsync(image, layers, cancellationToken);
        await using (target)
        {
            if (target.Length < image.Length)
                await target.Node.ResizeAsync(image.Length, default, cancellationToken);
            var merge = new LayerMerge(image, target, layers, new RateLimit(_rateLimit, TimeProvider.System));
            await merge.RunAsync(progress.Report, cancellationToken);
            await target.Node.FlushAsync(cancellationToken);
        }

        if (!_keepOverlay)
            await MakeEmptyAsync(image, cancellationToken);
    }

    /// <summary>Takes the base out from under the chain and opens it for writing: nobody else sees what happens to it.</summary>
    private static async ValueTask<OpenImage> TakeBaseAsync(OpenImage image, int layers, CancellationToken cancellationToken)
    {
        const BlockPermissions writing = BlockPermissions.ConsistentRead | BlockPermissions.Write | BlockPermissions.Resize;
        var graph = image.Graph;
        var overlay = BackingChain.At(image.Node, layers - 1);
        var node = overlay.Backing!;
        var backend = await graph.CreateBackendAsync(
            node, new BackendOptions { Permissions = BlockPermissionSet.None }, cancellationToken);
        try
        {
            await graph.SetBackingAsync(overlay, null, cancellationToken);
            await graph.SetReadOnlyAsync(node, readOnly: false, cancellationToken);
            await backend.ChangePermissionsAsync(new(writing, BlockPermissions.All), cancellationToken);
            return new OpenImage(graph, backend, node.FileName);
        }
        catch
        {
            await backend.DisposeAsync();
            throw;
        }
    }

    private static async ValueTask MakeEmptyAsync(OpenImage image, CancellationToken cancellationToken)
    {
        // As QEMU: a format that cannot do that keeps what it has.
        if (!image.Node.TryGetFacet<IImageEmptier>(out var emptier))
            return;
        var drained = await image.Graph.DrainAsync(image.Node, cancellationToken);
        await using (drained)
            await emptier.MakeEmptyAsync(cancellationToken);
    }
}
