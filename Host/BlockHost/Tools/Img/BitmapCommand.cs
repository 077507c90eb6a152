// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img bitmap: one action after the other on a persistent bitmap.</summary>
internal sealed class BitmapCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new(
        "b:f:F:g:h",
        "help=h",
        "object:",
        "image-opts",
        "add",
        "remove",
        "clear",
        "enable",
        "disable",
        "merge:",
        "source-file:=b",
        "source-format:=F",
        "granularity:=g");

    private readonly List<BitmapAction> _actions = [];
    private string? _format;
    private string? _sourceFile;
    private string? _sourceFormat;
    private long _granularity;
    private bool _imageOptions;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var (file, name) = await ParseAsync(args, cancellationToken);
        var image = await context.OpenAsync(
            new(file, _format, _imageOptions), new OpenMode { Writable = true, NoBacking = true }, cancellationToken);
        await using var imageEnd = image;
        var source = _sourceFile is null
            ? null
            : await context.OpenAsync(new(_sourceFile, _sourceFormat), new OpenMode { NoBacking = true }, cancellationToken);
        await using var sourceEnd = source;
        var mergeFrom = (source ?? image).Node.DirtyBitmaps;
        foreach (var action in _actions)
            await RunAsync(action, image.Node.DirtyBitmaps, name, mergeFrom, cancellationToken);
        return 0;
    }

    private async ValueTask<(string File, string Bitmap)> ParseAsync(
        IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "b": _sourceFile = item.Value; break;
                case "f": _format = item.Value; break;
                case "F": _sourceFormat = item.Value; break;
                case "g": _granularity = Sizes.Parse("granularity", item.Value!); break;
                case "add" or "remove" or "clear" or "enable" or "disable" or "merge":
                    _actions.Add(
                    new(item.Key, item.Value)); break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        if (_actions.Count == 0)
            throw new ToolException("Need at least one of --add, --remove, --clear, --enable, --disable, or --merge");
        if (_granularity > 0 && !_actions.Exists(action => action.Name == "add"))
            throw new ToolException("granularity only supported with --add");
        if (_sourceFormat is not null && _sourceFile is null)
            throw new ToolException("-F only supported with -b");
        if (_sourceFile is not null && !_actions.Exists(action => action.Name == "merge"))
            throw new ToolException("Merge bitmap source file only supported with --merge");
        return names.Count == 2 ? (names[0], names[1]) : throw new ToolException("Expecting filename and bitmap name");
    }

    private async ValueTask RunAsync(
        BitmapAction action, IDirtyBitmaps bitmaps, string name, IDirtyBitmaps mergeFrom, CancellationToken cancellationToken)
    {
        try
        {
            switch (action.Name)
            {
                case "add":
                    await bitmaps.AddAsync(
                    new() { Name = name, Granularity = _granularity == 0 ? null : _granularity, Persistent = true },
                    cancellationToken); break;
                case "remove":
                    (await bitmaps.BeginRemovalAsync(
                    Find(bitmaps, name, BitmapUse.AllowInconsistent), cancellationToken)).Commit(); break;
                case "clear": Find(bitmaps, name).Clear(); break;
                case "enable": Find(bitmaps, name).Enabled = true; break;
                case "disable": Find(bitmaps, name).Enabled = false; break;
                case "merge": Merge(Find(bitmaps, name), Find(mergeFrom, action.Source!, BitmapUse.AllowReadOnly)); break;
            }
        }
        catch (BlockException e)
        {
            throw new ToolException($"Operation {action.Name} on bitmap {name} failed: {e.Message}");
        }
    }

    private static void Merge(IDirtyBitmap target, IDirtyBitmap source)
    {
        target.RequireMergeable(source);
        target.Merge(source);
    }

    private static IDirtyBitmap Find(IDirtyBitmaps bitmaps, string name, BitmapUse use = BitmapUse.Modify)
    {
        var bitmap = bitmaps.Find(name) ?? throw new BlockException(BlockErrorKind.NotFound, $"Dirty bitmap '{name}' not found");
        bitmap.RequireUsable(use);
        return bitmap;
    }

    /// <param name="Source">The bitmap to merge from.</param>
    private sealed record BitmapAction(string Name, string? Source);
}
