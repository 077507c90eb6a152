// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Core.Images;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img create: makes an empty image, or an overlay of a backing file.</summary>
internal sealed class CreateCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new("F:b:f:ho:qu", "help=h", "object:");

    private readonly List<string> _options = [];
    private string _format = "raw";
    private string? _backingFile;
    private string? _backingFormat;
    private bool _quiet;
    private bool _unsafe;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": _format = item.Value!; break;
                case "b": _backingFile = item.Value; break;
                case "F": _backingFormat = item.Value; break;
                case "o": _options.Add(CreateOptionList.CheckList(item.Value!)); break;
                case "q": _quiet = true; break;
                case "u": _unsafe = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        if (_options.Exists(CreateOptionList.AsksForHelp))
            return await CreateHelp.PrintAsync(context, _format, names.FirstOrDefault(), cancellationToken);
        if (names.Count == 0)
            throw ToolException.Usage("Expecting image file name");
        var size = names.Count > 1 ? Sizes.Parse("image size", names[1]) : (long?)null;
        if (names.Count > 2)
            throw ToolException.Usage($"Unexpected argument: {names[2]}");
        await CreateAsync(names[0], size, cancellationToken);
        return 0;
    }

    private async ValueTask CreateAsync(string name, long? size, CancellationToken cancellationToken)
    {
        var host = await context.HostAsync(cancellationToken);
        var advice = "";
        try
        {
            var creation = await ImageCreation.PlanAsync(host.Images, name, _format, cancellationToken);
            if (creation.Options.Knows("cluster_size"))
                advice = " (try using a larger cluster size)";
            _options.ForEach(creation.Options.Parse);
            if (size is not null && creation.Options.Size is not null)
                throw new ToolException("The image size must be specified only once");
            if (size is { } bytes)
                creation.Options.Set("size", bytes.ToString(CultureInfo.InvariantCulture));
            await ApplyBackingAsync(creation.Options, host.Images, name, cancellationToken);
            if (creation.Options.Size is null)
                throw new ToolException("Image creation needs a size parameter");
            if (!_quiet)
                context.Out.Write($"Formatting '{name}', fmt={_format} {creation.Options.Describe()}\n");
            await creation.RunAsync(cancellationToken);
        }
        catch (ToolException e)
        {
            throw new ToolException($"{name}: {e.Message}") { Hint = e.Hint, HintIsOpen = e.HintIsOpen };
        }
        catch (BlockException e) when (e.Errno == Errno.EFBIG)
        {
            throw new ToolException($"{name}: The image size is too large for file format '{_format}'{advice}");
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            throw new ToolException($"{name}: {e.Message}") { Hint = ImageErrors.HintOf(e) };
        }
    }

    /// <summary>Records the backing file and, unless -u forbids to look at it, takes the size from it.</summary>
    private async ValueTask ApplyBackingAsync(
        CreateOptionList options, ImageOpener images, string name, CancellationToken cancellationToken)
    {
        if (_backingFile is not null)
            SetIfKnown(options, "backing_file", _backingFile, $"Backing file not supported for file format '{_format}'");
        if (_backingFormat is not null)
            SetIfKnown(options, "backing_fmt", _backingFormat, $"Backing file format not supported for file format '{_format}'");
        if (options["backing_file"] is not { } backing)
            return;
        if (backing.Length == 0)
            throw new ToolException("Expected backing file name, got empty string");
        if (backing == name)
            throw new ToolException("Error: Trying to create an image with the same filename as the backing file");
        if (_unsafe && options["backing_fmt"] is null)
            throw new ToolException("Backing file specified without backing format");
        if (_unsafe)
            return;
        await InspectBackingAsync(options, images, name, backing, cancellationToken);
    }

    private static async ValueTask InspectBackingAsync(
        CreateOptionList options, ImageOpener images, string name, string backing, CancellationToken cancellationToken)
    {
        var format = options["backing_fmt"];
        var path = FileNames.Resolve(name, backing) ?? backing;
        OpenImage image;
        try
        {
            // Somebody may be writing to it: that is how a snapshot of a running guest is made.
            image = await images.OpenAsync(new(path, format), OpenMode.Glance, cancellationToken);
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            const string what = "Could not open backing image.";
            throw new ToolException(e.Message) { Hint = e is BlockException { Hint: { } hint } ? $"{hint}\n{what}" : what };
        }

        await using (image)
        {
            if (format is null)
                throw new ToolException("Backing file specified without backing format")
                { Hint = $"Detected format of {image.Node.Driver.FormatName}.", HintIsOpen = true };
            if (options.Size is null)
                options.Set("size", image.Length.ToString(CultureInfo.InvariantCulture));
        }
    }

    private static void SetIfKnown(CreateOptionList options, string option, string value, string refusal)
    {
        if (!options.Knows(option))
            throw new ToolException(refusal);
        options.Set(option, value);
    }
}

/// <summary>"-o help".</summary>
internal static class CreateHelp
{
    public static async ValueTask<int> PrintAsync(
        ImgContext context, string format, string? fileName, CancellationToken cancellationToken)
    {
        var host = await context.HostAsync(cancellationToken);
        var driver = await host.Images.Graph.FindDriverAsync(format, cancellationToken)
            ?? throw new ToolException($"Unknown file format '{format}'");
        if (!driver.TryGetFacet<IImageCreator>(out var creator))
            throw new ToolException($"Format driver '{format}' does not support image creation");

        IEnumerable<CreateOption> options = creator.CreateOptions;
        if (fileName is not null)
        {
            var protocol = await host.Images.ProtocolOfAsync(fileName, cancellationToken);
            options = options.Concat(ImageMaker.OptionsOfStorage(protocol));
        }

        context.Out.Write(fileName is null ? $"Supported {format} options:\n" : "Supported options:\n");
        foreach (var line in new CreateOptionList(options).HelpLines(context.Console.HasOwnName))
            context.Out.Write($"{line}\n");
        if (fileName is null && driver.Kind != Block.BlockDriverKind.Protocol)
            context.Out.Write(
                "\nThe protocol level may support further options.\nSpecify the target filename to include those options.\n");
        return 0;
    }
}
