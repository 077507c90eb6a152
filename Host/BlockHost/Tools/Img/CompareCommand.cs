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

/// <summary>Walks two images and tells the first difference, null where there is none.</summary>
internal sealed class ImageComparison(OpenImage first, OpenImage second, long common, bool strict, ProgressLine progress)
{
    private const int BufferSize = 2 * 1024 * 1024;
    private const int Sector = 512;

    private readonly long _total = Math.Max(first.Length, second.Length);
    private readonly byte[] _buffer1 = new byte[BufferSize];
    private readonly byte[] _buffer2 = new byte[BufferSize];

    public async ValueTask<string?> CommonPartAsync(CancellationToken cancellationToken)
    {
        for (var offset = 0L; offset < common;)
        {
            var status1 = await StatusAsync(first, offset, common - offset, cancellationToken);
            var status2 = await StatusAsync(second, offset, common - offset, cancellationToken);
            var length = Math.Min(status1.Bytes, status2.Bytes);
            if (strict && Kind(status1) != Kind(status2))
                return $"Strict mode: Offset {offset} block status mismatch!";
            var (empty1, empty2) = (IsEmpty(status1), IsEmpty(status2));
            if (!(empty1 && empty2))
            {
                length = Math.Min(length, BufferSize);
                if (await DifferenceAsync(offset, (int)length, empty1, empty2, cancellationToken) is { } at)
                    return $"Content mismatch at offset {at}!";
            }

            offset += length;
            progress.Report((double)offset / _total);
        }

        return null;
    }

    public async ValueTask<string?> TailAsync(OpenImage longer, long start, CancellationToken cancellationToken)
    {
        for (var offset = start; offset < longer.Length;)
        {
            var status = await StatusAsync(longer, offset, longer.Length - offset, cancellationToken);
            var length = status.Bytes;
            if (!IsEmpty(status))
            {
                length = Math.Min(length, BufferSize);
                var bytes = _buffer1.AsMemory(0, (int)length);
                await ReadAsync(longer, offset, bytes, cancellationToken);
                if (FirstNonZero(bytes.Span) is { } at)
                    return $"Content mismatch at offset {offset + at}!";
            }

            offset += length;
            progress.Report((double)offset / _total);
        }

        return null;
    }

    private async ValueTask<long?> DifferenceAsync(long offset, int length, bool empty1, bool empty2, CancellationToken cancellationToken)
    {
        var bytes1 = _buffer1.AsMemory(0, length);
        var bytes2 = _buffer2.AsMemory(0, length);
        if (!empty1)
            await ReadAsync(first, offset, bytes1, cancellationToken);
        if (!empty2)
            await ReadAsync(second, offset, bytes2, cancellationToken);
        int? at = empty1 ? FirstNonZero(bytes2.Span) : empty2 ? FirstNonZero(bytes1.Span) : FirstDifference(bytes1.Span, bytes2.Span);
        return at is { } index ? offset + index : null;
    }

    private static async ValueTask ReadAsync(OpenImage image, long offset, Memory<byte> target, CancellationToken cancellationToken)
    {
        var status = await image.Queue.ReadAsync(offset, target, cancellationToken: cancellationToken);
        if (!status.IsOk)
            throw CompareCommand.CannotRead(offset, image, status);
    }

    private static async ValueTask<ChainStatus> StatusAsync(OpenImage image, long offset, long bytes, CancellationToken cancellationToken)
    {
        var status = await image.Queue.GetStatusAsync(offset, bytes, cancellationToken: cancellationToken);
        return status.Status.IsOk ? status : throw new ToolException($"Sector allocation test failed for {image.Name}", 3);
    }

    /// <summary>Where the run lies does not matter, but whether it ends the image does.</summary>
    private static BlockStatusFlags Kind(ChainStatus status) => status.Flags & ~(BlockStatusFlags.Raw | BlockStatusFlags.Recurse);

    private static bool IsEmpty(ChainStatus status) =>
        (status.Flags & BlockStatusFlags.Zero) != 0 || (status.Flags & (BlockStatusFlags.Data | BlockStatusFlags.Allocated)) == 0;

    private static int? FirstNonZero(ReadOnlySpan<byte> bytes) =>
        bytes.IndexOfAnyExcept((byte)0) is >= 0 and var at ? at / Sector * Sector : null;

    private static int? FirstDifference(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) =>
        a.CommonPrefixLength(b) is var same && same < a.Length ? same / Sector * Sector : null;
}
