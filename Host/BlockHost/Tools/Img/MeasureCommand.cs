// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img measure: how large a new image of some size or content would be.</summary>
internal sealed class MeasureCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new(
        "hf:l:o:O:U", "help=h", "image-opts", "object:", "output:", "size:", "force-share=U");

    private readonly List<string> _options = [];
    private string _target = "raw";
    private string? _format;
    private bool _imageOptions;
    private bool _forceShare;
    private bool _json;
    private long? _size;
    private SnapshotChoice? _snapshot;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var name = await ParseAsync(args, cancellationToken);
        var host = await context.HostAsync(cancellationToken);
        var driver = await host.Images.Graph.FindDriverAsync(_target, cancellationToken)
            ?? throw new ToolException($"Unknown file format '{_target}'");
        var canCreate = driver.TryGetFacet<IImageCreator>(out var creator);
        if (!driver.TryGetFacet<IImageMeasure>(out var measure))
            throw !canCreate && driver.Kind == BlockDriverKind.Format
                ? new ToolException($"Format driver '{_target}' does not support image creation")
                : new ToolException($"Block driver '{_target}' does not support size measurement");

        var known = canCreate ? creator!.CreateOptions : [];
        var options = new CreateOptionList(known);
        ParseOptions(options);
        if (name is null)
        {
            Print(await measure.MeasureAsync(ToJson(options, known, _size!.Value), source: null, cancellationToken));
            return 0;
        }

        var image = await context.OpenAsync(
            new(name, _format, _imageOptions), new OpenMode { ForceShare = _forceShare }, cancellationToken);
        await using (image)
        {
            if (_snapshot is not null)
                await _snapshot.LoadAsync(image, cancellationToken);
            Print(await measure.MeasureAsync(ToJson(options, known, image.Length), new BackendChild(image), cancellationToken));
        }

        return 0;
    }

    private async ValueTask<string?> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        string? output = "human";
        foreach (var item in GetOpt.Read(context.WithoutProgressOption(args), Table))
        {
            if (item.Kind is not (GetOptKind.Option or GetOptKind.Operand))
                throw WrongUsage(item);

            switch (item.Key)
            {
                case "h": throw ImgContext.Help(context.Command);
                case "f": _format = item.Value; break;
                case "O": _target = item.Value!; break;
                case "o": _options.Add(item.Value!); break;
                case "U": _forceShare = true; break;
                case "size": _size = Sizes.Parse("image size", item.Value!); break;
                case "output": output = item.Value; break;
                case "image-opts": _imageOptions = true; break;
                case "l": _snapshot = SnapshotChoice.Parse(item.Value!, context.Console); break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        _json = ImgContext.ParseOutput(output);
        if (names.Count > 1)
            throw new ToolException("At most one filename argument is allowed.");
        if ((names.Count == 1) == _size.HasValue)
            throw new ToolException(
                _size.HasValue ? "--size N cannot be used together with a filename." : "Either --size N or one filename must be specified.");
        return names.FirstOrDefault();
    }

    /// <summary>This one command of QEMU's leaves the message to getopt and then answers as to --help.</summary>
    private ToolException WrongUsage(GetOptItem item)
    {
        context.Console.ErrorLine($"{context.Command}: {GetOpt.Describe(item)}");
        return ImgContext.Help(context.Command);
    }

    private void ParseOptions(CreateOptionList options)
    {
        try
        {
            _options.ForEach(options.Parse);
        }
        catch (ToolException e)
        {
            throw new ToolException(e.Message) { SecondMessage = $"Invalid options for file format '{_target}'" };
        }
    }

    private static JsonElement ToJson(CreateOptionList options, IEnumerable<CreateOption> known, long size)
    {
        options.Set("size", size.ToString(CultureInfo.InvariantCulture));
        var create = new JsonObject();
        options.AddMembers(create, known);
        return HostJson.ToElement(create);
    }

    private void Print(ImageMeasure measure)
    {
        if (_json)
        {
            var json = new JsonObject { ["required"] = measure.Required, ["fully-allocated"] = measure.FullyAllocated };
            if (measure.Bitmaps is { } bitmaps)
                json["bitmaps"] = bitmaps;
            QemuJson.Write(context.Out, json);
            return;
        }

        context.Out.Write($"required size: {measure.Required}\nfully allocated size: {measure.FullyAllocated}\n");
        if (measure.Bitmaps is { } bytes)
            context.Out.Write($"bitmaps size: {bytes}\n");
    }
}
