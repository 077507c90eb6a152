// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img bench: how long a number of like requests takes.</summary>
internal sealed class BenchCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new(
        "hc:d:f:ni:o:qs:S:t:wU", "help=h", "flush-interval:", "pattern:", "no-drain", "object:", "image-opts", "force-share=U");

    private string? _format;
    private string? _aio;
    private CacheMode _cache;
    private int _count = 75000;
    private int _depth = 64;
    private long _offset;
    private long _size = 4096;
    private long _step;
    private int _flushInterval;
    private byte _pattern;
    private bool _drainOnFlush = true;
    private bool _writes;
    private bool _forceShare;
    private bool _imageOptions;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var name = await ParseAsync(args, cancellationToken);
        var mode = new OpenMode { Writable = _writes, Cache = _cache, Aio = _aio, ForceShare = _forceShare };
        var image = await context.OpenAsync(new(name, _format, _imageOptions), mode, cancellationToken);
        await using (image)
        {
            Announce();
            var clock = Stopwatch.StartNew();
            await new BenchLoad(image, Load).RunAsync(cancellationToken);
            context.Out.Write(
                string.Create(CultureInfo.InvariantCulture, $"Run completed in {clock.Elapsed.TotalSeconds:0.000} seconds.\n"));
        }

        return 0;
    }

    private BenchOptions Load => new()
    {
        Count = _count,
        Depth = _depth,
        Offset = _offset,
        Size = _size,
        Step = _step,
        Writes = _writes,
        Pattern = _pattern,
        FlushInterval = _flushInterval,
        DrainOnFlush = _drainOnFlush,
    };

    private void Announce()
    {
        var kind = _writes ? "write" : "read";
        context.Out.Write(
            $"Sending {_count} {kind} requests, {_size} bytes each, {_depth} in parallel (starting at offset {_offset}, step size {_step})\n");
        if (_flushInterval > 0)
            context.Out.Write($"Sending flush every {_flushInterval} requests\n");
        context.Out.Flush();
    }

    private async ValueTask<string> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "c": _count = Number(item.Value!, "request count", int.MaxValue); break;
                case "d": _depth = Number(item.Value!, "queue depth", int.MaxValue); break;
                case "f": _format = item.Value; break;
                case "n": _aio = "native"; break;
                case "i": _aio = ParseAio(item.Value!); break;
                case "o": _offset = Sizes.Parse("offset", item.Value!); break;
                case "q": break;
                case "s": _size = Sizes.Parse("buffer size", item.Value!, 0, int.MaxValue); break;
                case "S": _step = Sizes.Parse("step_size", item.Value!, 0, int.MaxValue); break;
                case "t":
                    _cache = CacheMode.TryParse(item.Value!, out var mode)
                    ? mode.Value
                    : throw new ToolException("Invalid cache mode"); break;
                case "w": _writes = true; break;
                case "U": _forceShare = true; break;
                case "pattern": _pattern = (byte)Number(item.Value!, "pattern byte", byte.MaxValue); break;
                case "flush-interval": _flushInterval = Number(item.Value!, "flush interval", int.MaxValue); break;
                case "no-drain": _drainOnFlush = false; break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        if (names.Count != 1)
            throw ToolException.Usage("Expecting one image file name");
        if (!_writes && _flushInterval > 0)
            throw new ToolException("--flush-interval is only available in write tests");
        if (_flushInterval > 0 && _flushInterval < _depth)
            throw new ToolException("Flush interval can't be smaller than depth");
        if (_depth == 0)
            throw new ToolException("Invalid queue depth specified");
        if (_step == 0)
            _step = _size;
        return names[0];
    }

    private static string ParseAio(string value) =>
        value is "threads" or "native" or "io_uring" ? value : throw new ToolException($"Invalid aio option: {value}");

    private static int Number(string text, string what, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value <= max
            ? value
            : throw new ToolException($"Invalid {what} specified");
}
