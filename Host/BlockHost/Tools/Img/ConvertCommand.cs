// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img convert: copies one or several images, one behind the other, into a new one of any format.</summary>
internal sealed partial class ConvertCommand(ImgContext context) : IImgCommand
{
    private const int MaxWorkers = 16;

    private static readonly OptionTable Table = new(
        "hf:O:B:CcF:o:l:S:pt:T:qnm:WUr:", "help=h", "object:", "image-opts", "target-image-opts", "target-is-zero", "force-share=U", "salvage", "bitmaps");

    private readonly List<string> _options = [];
    private readonly List<string> _names = [];
    private string? _format;
    private string? _targetFormat;
    private string? _backingFile;
    private string? _backingFormat;
    private CacheMode _sourceCache;
    private CacheMode _targetCache = new(Direct: false, NoFlush: true, WriteThrough: false);
    private long _minSparse = 4096;
    private bool _sparse = true;
    private bool _compress;
    private bool _progress;
    private bool _quiet;
    private bool _skipCreate;
    private bool _outOfOrder;
    private bool _forceShare;
    private bool _imageOptions;
    private bool _targetImageOptions;
    private bool _targetIsZero;
    private bool _salvage;
    private bool _copyOffload;
    private int _workers = 8;
    private long _rateLimit;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        await ParseAsync(args, cancellationToken);
        Validate();
        var sources = new List<OpenImage>();
        try
        {
            foreach (var name in _names[..^1])
                sources.Add(await OpenSourceAsync(name, cancellationToken));
            var total = sources.Sum(source => source.Length);
            await using var target = await PrepareTargetAsync(_names[^1], total, cancellationToken);
            await CopyAsync(sources, target, total, cancellationToken);
        }
        finally
        {
            foreach (var source in sources)
                await source.DisposeAsync();
        }

        return 0;
    }

    private async ValueTask ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "f": _format = item.Value; break;
                case "O": _targetFormat = item.Value; break;
                case "B": _backingFile = item.Value; break;
                case "F": _backingFormat = item.Value; break;
                case "C": _copyOffload = true; break;
                case "c": _compress = true; break;
                case "o": _options.Add(item.Value!); break;
                case "l": throw new ToolException("Failed to load snapshot: Can't find snapshot");
                case "S": SetSparse(Sizes.Parse("buffer size for sparse output", item.Value!)); break;
                case "p": _progress = true; break;
                case "q": _quiet = true; break;
                case "t": _targetCache = context.ParseCache(item.Value!); break;
                case "T": _sourceCache = context.ParseCache(item.Value!, "source cache"); break;
                case "n": _skipCreate = true; break;
                case "m": _workers = ParseWorkers(item.Value!); break;
                case "W": _outOfOrder = true; break;
                case "U": _forceShare = true; break;
                case "r": _rateLimit = Sizes.Parse("rate limit", item.Value!); break;
                case "image-opts": _imageOptions = true; break;
                case "target-image-opts": _targetImageOptions = true; break;
                case "target-is-zero": _targetIsZero = true; break;
                case "salvage": _salvage = true; break;
                case "bitmaps": throw new ToolException("Format driver does not support bitmaps");
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: _names.Add(item.Value!); break;
            }
        }
    }

    private void SetSparse(long bytes)
    {
        if (bytes != 0 && bytes % 512 != 0)
            throw new ToolException($"Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to {int.MaxValue / 512 * 512}. Select 0 to disable sparse detection (fully allocates output).");
        _sparse = bytes != 0;
        _minSparse = Math.Max(512, bytes);
    }

    private static int ParseWorkers(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var workers) && workers is >= 1 and <= MaxWorkers
            ? workers
            : throw new ToolException("Invalid number of coroutines. Allowed number of coroutines is between 1 and 16");

    private void Validate()
    {
        if (_targetFormat is null && !_targetImageOptions)
            _targetFormat = "raw";
        if (_skipCreate && _options.Count > 0)
            context.Console.Warn("-o has no effect when skipping image creation");
        if (_targetIsZero && !_skipCreate)
            throw new ToolException("--target-is-zero requires use of -n flag");
        if (_targetImageOptions && !_skipCreate)
            throw new ToolException("--target-image-opts requires use of -n flag");
        if (_copyOffload && _compress)
            throw new ToolException("Cannot enable copy offloading when -c is used");
        if (_names.Count < 2)
            throw new ToolException("Must specify image file name");
        if (_backingFile is not null && _names.Count > 2)
            throw new ToolException("Having a backing file for the target makes no sense when concatenating multiple input images");
        if (_backingFile is not null && _backingFormat is null)
            throw new ToolException("Use of backing file requires explicit backing format");
    }

    private ValueTask<OpenImage> OpenSourceAsync(string name, CancellationToken cancellationToken) =>
        context.OpenAsync(new(name, _format, _imageOptions), new OpenMode { Cache = _sourceCache, ForceShare = _forceShare }, cancellationToken);

    private async ValueTask CopyAsync(List<OpenImage> sources, OpenImage target, long total, CancellationToken cancellationToken)
    {
        if (target.Length < total)
            throw new ToolException("output file is smaller than input file");
        var progress = new ProgressLine(context.Out, _progress && !_quiet);
        progress.Begin();
        var facts = await target.Node.GetFactsAsync(cancellationToken);
        var copy = new ImageCopy(sources, target, new CopyOptions
        {
            Sparse = _sparse,
            MinSparse = _minSparse,
            Workers = _workers,
            InOrder = !_outOfOrder,
            Compress = _compress,
            ClusterSize = facts.ClusterSize,
            TargetReadsZero = _targetIsZero || (!_skipCreate && _backingFile is null),
            TargetHasBacking = _backingFile is not null,
            Salvage = _salvage,
            BytesPerSecond = _rateLimit,
        });
        if (_progress)
            await copy.MeasureAsync(cancellationToken);
        await copy.RunAsync(progress.Report, context.Console.Warn, cancellationToken);
        await target.Node.FlushAsync(cancellationToken);
        progress.Report(1);
        progress.End();
    }
}
