// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Core.Qapi;
using BlockHost.Core.Text;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img resize: to a size, or by +size or -size.</summary>
internal sealed class ResizeCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new(
        "f:hq", "help=h", "object:", "image-opts", "preallocation:", "shrink", "format:=f");

    private const string NotPositive = "New image size must be positive";

    private string? _format;
    private bool _imageOptions;
    private bool _quiet;
    private bool _shrink;
    private PreallocationMode _preallocation;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (args is ["-h" or "--help"] && context.Console.HasOwnName)
            throw ImgContext.Help(context.Command);
        // The size is always the last argument, also where it looks like an option: "-1M".
        if (args.Count == 0)
            throw ToolException.Usage("Not enough arguments");
        var size = args[^1];
        var names = await ParseAsync([.. args.Take(args.Count - 1)], cancellationToken);
        if (names.Count != 1)
            throw ToolException.Usage(names.Count == 0 ? "Not enough arguments" : "Expecting image file name and size");
        var (sign, amount) = ParseSize(size);
        var image = await context.OpenAsync(
            new(names[0], _format, _imageOptions), new OpenMode { Writable = true, Resizes = true }, cancellationToken);
        await using (image)
            await ResizeAsync(image, NewLength(image, sign, amount), cancellationToken);
        if (!_quiet)
            context.Out.Write("Image resized.\n");
        return 0;
    }

    private static (int Sign, long Amount) ParseSize(string text) => text switch
    {
        ['+', .. var rest] => (1, ParseAmount(rest)),
        ['-', .. var rest] => (-1, ParseAmount(rest)),
        _ => (0, ParseAmount(text)),
    };

    private static long NewLength(OpenImage image, int sign, long amount)
    {
        var length = sign == 0 ? amount : image.Length + ((Int128)sign * amount);
        return length > long.MaxValue ? throw new ToolException(NotPositive) : (long)length;
    }

    /// <summary>A size from 8 EiB on is negative for QEMU.</summary>
    private static long ParseAmount(string text) =>
        Sizes.TryParseUnsigned(text, out var bytes) == SizeError.None && bytes > long.MaxValue
        ? throw new ToolException(NotPositive)
        : CreateOptionList.ParseSize("size", text);

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
            throw new ToolException(NotPositive);
        if (length <= image.Length && _preallocation != PreallocationMode.Off)
            throw new ToolException("Preallocation can only be used for growing images");
        if (length < image.Length && !_shrink)
            throw RefuseToShrink();
        await image.Node.ResizeAsync(length, new ResizeOptions(_preallocation), cancellationToken);
        await image.Node.FlushAsync(cancellationToken);
    }

    private ToolException RefuseToShrink()
    {
        context.Console.Report("Use the --shrink option to perform a shrink operation.");
        return new ToolException(
            "warning: Shrinking an image will delete all data beyond the shrunken image's end. "
            + "Before performing such an operation, make sure there is no important data there.");
    }
}
