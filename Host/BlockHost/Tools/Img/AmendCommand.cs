// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img amend: changes options that an image was created with.</summary>
internal sealed class AmendCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new("ho:f:t:pq", "help=h", "object:", "image-opts", "force");

    private readonly List<string> _options = [];
    private string? _format;
    private CacheMode _cache;
    private bool _progressWanted;
    private bool _quiet;
    private bool _force;
    private bool _imageOptions;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = await ParseAsync(args, cancellationToken);
        if (_options.Count == 0)
            throw ToolException.Usage("Must specify options (-o)");
        var help = _options.Exists(CreateOptionList.AsksForHelp);
        if (help && _format is not null)
            return await HelpWithoutImageAsync(_format, cancellationToken);
        if (names.Count != 1)
            throw new ToolException("Expecting one image file name");
        using var progress = context.StartProgress(_progressWanted && !_quiet);
        var image = await context.OpenAsync(
            new(names[0], _format, _imageOptions), new OpenMode { Writable = true, Cache = _cache }, cancellationToken);
        await using (image)
        {
            if (!image.Node.TryGetFacet<IImageAmend>(out var amend))
                throw NotAmendable(image.Node.Driver.FormatName);
            if (help)
                return PrintHelp(image.Node.Driver.FormatName, amend);
            await AmendAsync(image, amend, progress, cancellationToken);
        }

        progress.Complete();
        return 0;
    }

    private async ValueTask<List<string>> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        var cache = "writeback";
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "o": _options.Add(CreateOptionList.CheckList(item.Value!)); break;
                case "f": _format = item.Value; break;
                case "t": cache = item.Value!; break;
                case "p": _progressWanted = true; break;
                case "q": _quiet = true; break;
                case "force": _force = true; break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        _cache = context.ParseCache(cache);
        return names;
    }

    private async ValueTask<int> HelpWithoutImageAsync(string format, CancellationToken cancellationToken)
    {
        var host = await context.HostAsync(cancellationToken);
        var driver = await host.Images.Graph.FindDriverAsync(format, cancellationToken)
            ?? throw new ToolException($"Unknown file format '{format}'");
        return driver.TryGetFacet<IAmendOptions>(out var options) ? PrintHelp(format, options) : throw NotAmendable(format);
    }

    private int PrintHelp(string format, IAmendOptions options)
    {
        context.Out.Write($"Amend options for '{format}':\n");
        foreach (var line in new CreateOptionList(options.AmendOptions).HelpLines(context.Console.HasOwnName))
            context.Out.Write($"{line}\n");
        return 0;
    }

    private async ValueTask AmendAsync(
        OpenImage image, IImageAmend amend, ProgressLine progress, CancellationToken cancellationToken)
    {
        var options = ParseOptions(image, amend);
        var report = new AmendProgress(progress);
        await using var drained = await image.Graph.DrainAsync(image.Node, cancellationToken);
        await amend.AmendAsync(options, _force, report, cancellationToken);
    }

    private JsonElement ParseOptions(OpenImage image, IImageAmend amend)
    {
        var options = new CreateOptionList(amend.AmendOptions);
        try
        {
            _options.ForEach(options.Parse);
        }
        catch (ToolException e) when (NamesCreationOption(image, e.Message))
        {
            throw new ToolException(e.Message) { Hint = "This option is only supported for image creation" };
        }

        var members = new JsonObject();
        options.AddMembers(members, amend.AmendOptions);
        // As in QEMU, a size of nothing asks for nothing.
        if (options.Size == 0)
            members.Remove("size");
        return HostJson.ToElement(members);
    }

    private static bool NamesCreationOption(OpenImage image, string message) =>
        image.Node.Driver.TryGetFacet<IImageCreator>(out var creator)
            && creator.CreateOptions.Any(option => message == CreateOptionList.UnknownOption(option.Name));

    private static ToolException NotAmendable(string format) =>
        new($"Format driver '{format}' does not support option amendment");

    /// <summary>Reports at once; System.Progress would report later, and elsewhere.</summary>
    private sealed class AmendProgress(ProgressLine line) : IProgress<(long Done, long Total)>
    {
        public void Report((long Done, long Total) value) => line.Report(value.Total <= 0 ? 0 : (double)value.Done / value.Total);
    }
}
