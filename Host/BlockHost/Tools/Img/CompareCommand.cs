// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img compare. Exit codes: 0 equal, 1 different, above 1 it could not be told.</summary>
internal sealed class CompareCommand(ImgContext context) : IImgCommand
{
    private const int Different = 1;
    private const int Failed = 2;
    private const int ReadFailed = 4;

    private static readonly OptionTable Table = new("hf:F:T:pqsU", "help=h", "object:", "image-opts", "force-share=U");

    private string? _format1;
    private string? _format2;
    private CacheMode _cache;
    private bool _progressWanted;
    private bool _quiet;
    private bool _strict;
    private bool _forceShare;
    private bool _imageOptions;
    private ProgressLine _progress = null!;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = await ParseAsync(args, cancellationToken);
        var mode = new OpenMode { Cache = _cache, ForceShare = _forceShare };
        using var progress = _progress = context.StartProgress(_progressWanted && !_quiet, step: 2);
        var first = await context.OpenAsync(new(names[0], _format1, _imageOptions), mode, cancellationToken, Failed);
        await using (first)
        {
            var second = await context.OpenAsync(new(names[1], _format2, _imageOptions), mode, cancellationToken, Failed);
            await using (second)
            {
                return await CompareAsync(first, second, cancellationToken);
            }
        }
    }

    private async ValueTask<List<string>> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        string? cache = null;
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": _format1 = item.Value; break;
                case "F": _format2 = item.Value; break;
                case "T": cache = item.Value; break;
                case "p": _progressWanted = true; break;
                case "q": _quiet = true; break;
                case "s": _strict = true; break;
                case "U": _forceShare = true; break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        if (names.Count != 2)
            throw ToolException.Usage("Expecting two image file names");
        if (cache is not null)
            _cache = context.ParseCache(cache, "source cache", Failed);
        return names;
    }

    private async ValueTask<int> CompareAsync(OpenImage first, OpenImage second, CancellationToken cancellationToken)
    {
        var common = Math.Min(first.Length, second.Length);
        var sizesDiffer = first.Length != second.Length;
        if (_strict && sizesDiffer)
            return Say("Strict mode: Image size mismatch!", Different);

        var comparison = new ImageComparison(first, second, common, _strict, _progress);
        if (await comparison.CommonPartAsync(cancellationToken) is { } difference)
            return Say(difference, Different);
        if (sizesDiffer)
        {
            Say("Warning: Image size mismatch!", 0);
            var longer = first.Length > second.Length ? first : second;
            if (await comparison.TailAsync(longer, common, cancellationToken) is { } tail)
                return Say(tail, Different);
        }

        return Say("Images are identical.", 0);
    }

    private int Say(string line, int code)
    {
        if (!_quiet)
            context.Out.Write($"{line}\n");
        return code;
    }

    internal static ToolException CannotRead(long offset, OpenImage image, IoStatus status) =>
        new($"Error while reading offset {offset} of {image.Name}: {ImageErrors.Text(status.Errno)}", ReadFailed);
}
