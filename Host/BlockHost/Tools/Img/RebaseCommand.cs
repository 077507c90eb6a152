// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>
/// qemu-img rebase: puts an overlay on another backing file. Safe: it reads the same afterwards. With -u only the name in
/// the header changes.
/// </summary>
internal sealed class RebaseCommand(ImgContext context) : IImgCommand
{
    private const long BufferSize = 2 * 1024 * 1024;

    private static readonly OptionTable Table = new("hf:F:b:upt:T:qU", "help=h", "object:", "image-opts", "force-share=U");

    private string? _format;
    private string? _backingFile;
    private string? _backingFormat;
    private string _cacheName = "writeback";
    private string _sourceCacheName = "writeback";
    private CacheMode _sourceCache;
    private bool _unsafe;
    private bool _progressWanted;
    private bool _quiet;
    private bool _forceShare;
    private bool _imageOptions;
    private ProgressLine _progress = null!;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var name = await ParseAsync(args, cancellationToken);
        using var progress = _progress = context.StartProgress(_progressWanted && !_quiet);
        var cache = context.ParseCache(_cacheName);
        _sourceCache = context.ParseCache(_sourceCacheName, "source cache");
        var mode = new OpenMode { Writable = true, Cache = cache, NoBacking = _unsafe };
        var image = await context.OpenAsync(new(name, _format, _imageOptions), mode, cancellationToken);
        await using (image)
            await RebaseAsync(image, cancellationToken);
        progress.Complete();
        return 0;
    }

    private async ValueTask<string> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": _format = item.Value; break;
                case "F": _backingFormat = item.Value; break;
                case "b": _backingFile = item.Value; break;
                case "u": _unsafe = true; break;
                case "p": _progressWanted = true; break;
                case "t": _cacheName = item.Value!; break;
                case "T": _sourceCacheName = item.Value!; break;
                case "q": _quiet = true; break;
                case "U": _forceShare = true; break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        if (names.Count != 1)
            throw ToolException.Usage("Expecting one image file name");
        if (!_unsafe && _backingFile is null)
            throw ToolException.Usage("Must specify backing file (-b) or use unsafe mode (-u)");
        return names[0];
    }

    private async ValueTask RebaseAsync(OpenImage image, CancellationToken cancellationToken)
    {
        if (_backingFormat is not null && await image.Graph.FindDriverAsync(_backingFormat, cancellationToken) is null)
            throw new ToolException($"Invalid format name: '{_backingFormat}'");
        if (!_unsafe)
            await KeepContentAsync(image, cancellationToken);
        await RecordAsync(image, cancellationToken);
    }

    private async ValueTask KeepContentAsync(OpenImage image, CancellationToken cancellationToken)
    {
        var before = image.Node.Backing is { } backing ? await ReaderAsync(image.Graph, backing, cancellationToken) : null;
        await using var beforeEnd = before;
        var (after, between) = await OpenNewBackingAsync(image, cancellationToken);
        await using var afterEnd = after;
        CheckRecordable(image);

        // As QEMU counts: every piece is one buffer's worth of the image, however short it is.
        var (done, share) = (0.0, 1.0 / Math.Max(1, image.Length / BufferSize));
        var facts = await image.Node.GetFactsAsync(cancellationToken);
        var change = new BackingChange(image, before, after, between, Math.Max(1, facts.ClusterSize));
        await change.RunAsync(() => _progress.Report(done = Math.Min(1, done + share)), cancellationToken);
    }

    /// <summary>The new backing file, and how many layers of the present one lie above it if it is one of the chain.</summary>
    private async ValueTask<(OpenImage? Image, int? Between)> OpenNewBackingAsync(
        OpenImage image, CancellationToken cancellationToken)
    {
        if (_backingFile is not { Length: > 0 } name)
            return (null, null);
        if (!ImageFileName.TryResolve(StorageName(image.Node), name, out var path))
            throw new ToolException(
                $"Could not resolve backing filename: Cannot use relative backing file names for '{image.Node.FileName}'");
        if (BackingChain.DepthOf(image.Node, name) is > 0 and var depth)
            return (await ReaderAsync(image.Graph, BackingChain.At(image.Node, depth), cancellationToken), depth - 1);
        try
        {
            var host = await context.HostAsync(cancellationToken);
            return (await host.Images.OpenAsync(
                new(path, _backingFormat),
                new OpenMode { Cache = _sourceCache, ForceShare = _forceShare },
                cancellationToken), null);
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            throw new ToolException($"Could not open new backing file '{name}': {e.Message}") { Hint = ImageErrors.HintOf(e) };
        }
    }

    /// <summary>A json: name has no folder; the file under it may.</summary>
    private static string StorageName(IGraphNode node)
    {
        while (ImageFileName.ProtocolOf(node.FileName) is "json"
            && node.Children.FirstOrDefault(edge => (edge.Role & BlockChildRole.Primary) != 0) is { } storage)
            node = storage.Child;
        return node.FileName;
    }

    private static async ValueTask<OpenImage> ReaderAsync(IBlockGraph graph, IGraphNode node, CancellationToken cancellationToken)
    {
        var options = new BackendOptions { Permissions = new(BlockPermissions.ConsistentRead, BlockPermissions.All) };
        return new OpenImage(graph, await graph.CreateBackendAsync(node, options, cancellationToken), node.FileName);
    }

    /// <summary>What the header cannot take is refused before anything is copied.</summary>
    private void CheckRecordable(OpenImage image)
    {
        if (!image.Node.TryGetFacet<IBackingFileStore>(out _))
            throw CannotRecord(ImageErrors.Text(Errno.ENOTSUP));
        if (_backingFile is { Length: > 0 } && _backingFormat is null)
            throw CannotRecord("backing format must be specified");
    }

    private async ValueTask RecordAsync(OpenImage image, CancellationToken cancellationToken)
    {
        CheckRecordable(image);
        image.Node.TryGetFacet<IBackingFileStore>(out var store);
        try
        {
            await store!.SetBackingAsync(
                _backingFile is { Length: > 0 } name ? new(name, _backingFormat) : null, cancellationToken);
        }
        catch (BlockException e)
        {
            throw CannotRecord(e.Errno == Errno.ENOSPC ? "No space left in the file header" : ImageErrors.Text(e.Errno));
        }
    }

    private ToolException CannotRecord(string reason) => new($"Could not change the backing file to '{_backingFile}': {reason}");
}
