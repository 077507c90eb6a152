// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img resize: to a size, or by +size or -size.</summary>
internal sealed class ResizeCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new(
        "f:hq", "help=h", "object:", "image-opts", "preallocation:", "shrink", "format:=f");

    private string? _format;
    private bool _imageOptions;
    private bool _quiet;
    private bool _shrink;
    private PreallocationMode _preallocation;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        // The size is always the last argument, also where it looks like an option: "-1M".
        if (args.Count == 0)
            throw ToolException.Usage("Not enough arguments");
        var size = args[^1];
        var names = await ParseAsync([.. args.Take(args.Count - 1)], cancellationToken);
        if (names.Count != 1)
            throw ToolException.Usage(names.Count == 0 ? "Not enough arguments" : "Expecting image file name and size");
        var (sign, amount) = ParseSize(size);
        var image = await context.OpenAsync(new(names[0], _format, _imageOptions), new OpenMode { Writable = true }, cancellationToken);
        await using (image)
            await ResizeAsync(image, sign == 0 ? amount : checked(image.Length + (sign * amount)), cancellationToken);
        if (!_quiet)
            context.Out.Write("Image resized.\n");
        return 0;
    }

    private static (int Sign, long Amount) ParseSize(string text) => text switch
    {
        ['+', .. var rest] => (1, CreateOptionList.ParseSize("size", rest)),
        ['-', .. var rest] => (-1, CreateOptionList.ParseSize("size", rest)),
        _ => (0, CreateOptionList.ParseSize("size", text)),
    };

    private async ValueTask<List<string>> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": _format = item.Value; break;
                case "q": _quiet = true; break;
                case "shrink": _shrink = true; break;
                case "image-opts": _imageOptions = true; break;
                case "preallocation": _preallocation = ParsePreallocation(item.Value!); break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        return names;
    }

    private static PreallocationMode ParsePreallocation(string value) => value switch
    {
        "off" => PreallocationMode.Off,
        "metadata" => PreallocationMode.Metadata,
        "falloc" => PreallocationMode.Falloc,
        "full" => PreallocationMode.Full,
        _ => throw new ToolException($"Invalid preallocation mode '{value}'"),
    };

    private async ValueTask ResizeAsync(OpenImage image, long length, CancellationToken cancellationToken)
    {
        if (length <= 0)
            throw new ToolException("New image size must be positive");
        if (length < image.Length)
            CheckShrink();
        await image.Node.ResizeAsync(length, new ResizeOptions(_preallocation), cancellationToken);
        await image.Node.FlushAsync(cancellationToken);
    }

    private void CheckShrink()
    {
        if (_preallocation != PreallocationMode.Off)
            throw new ToolException("Preallocation can only be used for growing images");
        if (_shrink)
            return;
        context.Console.Report("Use the --shrink option to perform a shrink operation.");
        throw new ToolException(
            "warning: Shrinking an image will delete all data beyond the shrunken image's end. "
            + "Before performing such an operation, make sure there is no important data there.");
    }
}
