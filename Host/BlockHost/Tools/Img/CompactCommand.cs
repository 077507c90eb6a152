// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>blockhost img compact: takes the holes out of an image.</summary>
internal sealed class CompactCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new("hf:pq", "help=h", "object:", "image-opts");

    private string? _format;
    private bool _progressWanted;
    private bool _quiet;
    private bool _imageOptions;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = await ParseAsync(args, cancellationToken);
        if (names.Count != 1)
            throw new ToolException("Expecting one image file name");
        using var progress = context.StartProgress(_progressWanted && !_quiet);
        var image = await context.OpenAsync(
            new(names[0], _format, _imageOptions), new OpenMode { Writable = true, Resizes = true }, cancellationToken);
        long moved;
        await using (image)
        {
            if (!image.Node.TryGetFacet<IImageCompaction>(out var compaction))
                throw new ToolException($"Images of format '{image.Node.Driver.FormatName}' cannot be compacted");
            moved = await CompactAsync(compaction, progress, cancellationToken);
        }

        progress.Complete();
        if (!_quiet)
            context.Out.Write($"Image compacted: {moved} bytes were moved.\n");
        return 0;
    }

    private async ValueTask<long> CompactAsync(
        IImageCompaction image, ProgressLine progress, CancellationToken cancellationToken)
    {
        var moved = 0L;
        await foreach (var step in image.CompactAsync(cancellationToken))
        {
            moved += step.Moved;
            progress.Report(moved, moved + step.Remaining);
            if (step.Left is { } left)
                context.Console.Error.Write($"{left}: they stay where they are.\n");
        }

        return moved;
    }

    private async ValueTask<List<string>> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": _format = item.Value; break;
                case "p": _progressWanted = true; break;
                case "q": _quiet = true; break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        return names;
    }
}
