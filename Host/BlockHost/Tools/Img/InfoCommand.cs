// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img info: what an image is, for people or as JSON.</summary>
internal sealed class InfoCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new(
        "hf:U", "help=h", "format:=f", "output:", "backing-chain", "object:", "image-opts", "force-share=U");

    private string? _format;
    private bool _json;
    private bool _chain;
    private bool _imageOptions;
    private bool _forceShare;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var source = await ParseAsync(args, cancellationToken);
        var images = await CollectAsync(source, cancellationToken);
        if (_json)
            PrintJson(images);
        else
            PrintHuman(images);
        return 0;
    }

    private async ValueTask<ImageSource> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        string? output = "human";
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": _format = item.Value; break;
                case "U": _forceShare = true; break;
                case "output": output = item.Value; break;
                case "backing-chain": _chain = true; break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        if (names.Count != 1)
            throw ToolException.Usage("Expecting one image file name");
        _json = ImgContext.ParseOutput(output);
        return new(names[0], _format, _imageOptions);
    }

    /// <summary>
    /// The image, and with --backing-chain those under it, each opened alone: a broken chain shows what is whole.
    /// </summary>
    private async ValueTask<List<ImageReport>> CollectAsync(ImageSource first, CancellationToken cancellationToken)
    {
        var host = await context.HostAsync(cancellationToken);
        var mode = new OpenMode { ForceShare = _forceShare, NoBacking = true, MetadataOnly = true };
        var reports = new List<ImageReport>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var source = first; source is not null;)
        {
            if (!seen.Add(source.Name))
                throw new ToolException($"Backing file '{source.Name}' creates an infinite loop.");
            var image = await context.OpenAsync(source, mode, cancellationToken);
            await using (image)
                reports.Add(await ImageReport.OfAsync(host.Images, image, source, cancellationToken));
            var report = reports[^1];
            source = _chain && report.Info.FullBackingFileName is { } next ? new(next, report.Info.BackingFileNameFormat) : null;
        }

        return reports;
    }

    private void PrintJson(List<ImageReport> images)
    {
        var json = _chain ? new JsonArray([.. images.Select(image => image.ToJson())]) : (JsonNode)images[0].ToJson();
        QemuJson.Write(context.Out, json);
    }

    private void PrintHuman(List<ImageReport> images)
    {
        for (var i = 0; i < images.Count; i++)
        {
            if (i > 0)
                context.Out.Write('\n');
            images[i].Print(context.Out);
        }
    }
}
