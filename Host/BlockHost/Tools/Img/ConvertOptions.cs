// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.CommandLine;
using BlockHost.Images;
using BlockHost.Tools.Img.Platforms;

namespace BlockHost.Tools.Img;

/// <summary>The command line of convert.</summary>
internal sealed class ConvertOptions
{
    private const int MaxWorkers = 16;
    private const int Sector = 512;
    private const long MaxSparse = 16 * 1024 * 1024;

    private const string ShortOptions = "hf:O:B:CcF:o:l:S:pt:T:qnm:WUr:";

    private static readonly string[] LongOptions =
    [
        "help=h", "object:", "image-opts", "target-image-opts", "target-is-zero", "force-share=U", "salvage", "bitmaps",
        "skip-broken-bitmaps",
    ];

    private static readonly OptionTable QemuTable = new(ShortOptions, LongOptions);
    private static readonly OptionTable OwnTable = new(ShortOptions, [.. LongOptions, "for:"]);

    private readonly ToolConsole _console;
    private bool _sparseGiven;

    private ConvertOptions(ToolConsole console) => _console = console;

    public List<string> CreateOptions { get; } = [];

    public List<string> Names { get; } = [];

    public string? Format { get; private set; }

    /// <summary>Null with --target-image-opts only.</summary>
    public string? TargetFormat { get; private set; }

    /// <summary>--for: where the image is to run.</summary>
    public Platform? Platform { get; private set; }

    public string? BackingFile { get; private set; }

    public string? BackingFormat { get; private set; }

    /// <summary>-l.</summary>
    public SnapshotChoice? Snapshot { get; private set; }

    public CacheMode SourceCache { get; private set; }

    /// <summary>-t as it was given: it is looked at late.</summary>
    public string TargetCache { get; private set; } = "unsafe";

    /// <summary>Bytes; 0: write everything.</summary>
    public long MinSparse { get; private set; } = 4096;

    public bool Compress { get; private set; }

    public bool Progress { get; private set; }

    public bool Quiet { get; private set; }

    public bool SkipCreate { get; private set; }

    public bool OutOfOrder { get; private set; }

    public bool ForceShare { get; private set; }

    public bool ImageOptions { get; private set; }

    public bool TargetImageOptions { get; private set; }

    public bool TargetIsZero { get; private set; }

    public bool Salvage { get; private set; }

    public bool CopyOffload { get; private set; }

    public bool Bitmaps { get; private set; }

    public bool SkipBrokenBitmaps { get; private set; }

    public int Workers { get; private set; } = 8;

    /// <summary>Bytes a second; 0: no limit.</summary>
    public long RateLimit { get; private set; }

    public IReadOnlyList<string> SourceNames => Names[..^1];

    public string TargetName => Names[^1];

    public static async ValueTask<ConvertOptions> ParseAsync(
        ImgContext context, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var options = new ConvertOptions(context.Console);
        string? sourceCache = null;
        foreach (var item in context.Options(args, context.Console.HasOwnName ? OwnTable : QemuTable))
        {
            if (item.Key == "object")
                await context.AddObjectAsync(item.Value!, cancellationToken);
            else if (item.Key == "T")
                sourceCache = item.Value;
            else if (item.Kind == GetOptKind.Operand)
                options.Names.Add(item.Value!);
            else
                options.Apply(item.Key, item.Value!);
        }

        options.Validate();
        if (sourceCache is not null)
            options.SourceCache = context.ParseCache(sourceCache, "source cache");
        return options;
    }

    public bool AsksForHelp => CreateOptions.Exists(CreateOptionList.AsksForHelp);

    private void Apply(string key, string value)
    {
        switch (key)
        {
            case "f": Format = value; break;
            case "O": TargetFormat = value; break;
            case "B": BackingFile = value; break;
            case "F": BackingFormat = value; break;
            case "C": CopyOffload = true; break;
            case "c": Compress = true; break;
            case "o": CreateOptions.Add(CreateOptionList.CheckList(value)); break;
            case "l": Snapshot = SnapshotChoice.Parse(value, _console); break;
            case "S": SetSparse(Sizes.Parse("buffer size for sparse output", value)); break;
            case "p": Progress = true; break;
            case "q": Quiet = true; break;
            case "t": TargetCache = value; break;
            case "n": SkipCreate = true; break;
            case "m": Workers = ParseWorkers(value); break;
            case "W": OutOfOrder = true; break;
            case "U": ForceShare = true; break;
            case "r": RateLimit = Sizes.Parse("rate limit", value); break;
            case "image-opts": ImageOptions = true; break;
            case "target-image-opts": TargetImageOptions = true; break;
            case "target-is-zero": TargetIsZero = true; break;
            case "salvage": Salvage = true; break;
            case "bitmaps": Bitmaps = true; break;
            case "for": Platform = Platform.Find(value); break;
            case "skip-broken-bitmaps": SkipBrokenBitmaps = true; break;
        }
    }

    private void SetSparse(long bytes)
    {
        if (bytes % Sector != 0 || bytes > MaxSparse)
            throw new ToolException(
                $"Invalid buffer size for sparse output specified. Valid sizes are multiples of {Sector} up to {MaxSparse}. Select 0 to disable sparse detection (fully allocates output).");
        MinSparse = bytes;
        _sparseGiven = true;
    }

    private static int ParseWorkers(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var workers) && workers is >= 1 and <= MaxWorkers
            ? workers
            : throw new ToolException(
                $"Invalid number of coroutines. Allowed number of coroutines is between 1 and {MaxWorkers}");

    private void Validate()
    {
        if (TargetFormat is null && !TargetImageOptions)
            TargetFormat = Platform?.UsualFormat ?? "raw";
        if (SkipCreate && CreateOptions.Count > 0)
            throw new ToolException("-o has no effect when skipping image creation");
        if (TargetIsZero && !SkipCreate)
            throw new ToolException("--target-is-zero requires use of -n flag");
        if (TargetImageOptions && !SkipCreate)
            throw new ToolException("--target-image-opts requires use of -n flag");
        if (SkipBrokenBitmaps && !Bitmaps)
            throw new ToolException("Use of --skip-broken-bitmaps requires --bitmaps");
        if (CopyOffload)
            ValidateOffload();
        ValidatePlatform();
        if (AsksForHelp)
            return;
        if (Names.Count < 2)
            throw new ToolException("Must specify image file name");
    }

    private void ValidatePlatform()
    {
        if (Platform is null)
            return;
        if (SkipCreate)
            throw new ToolException("--for makes the image: it cannot be used with -n");
        if (BackingFile is not null)
            throw new ToolException($"A disk for {Platform.Title} has no backing file");
        Platform.Require(TargetFormat!);
    }

    private void ValidateOffload()
    {
        if (Compress)
            throw new ToolException("Cannot enable copy offloading when -c is used");
        if (_sparseGiven)
            throw new ToolException("Cannot enable copy offloading when -S is used");
        if (Salvage)
            throw new ToolException("Cannot use copy offloading in salvaging mode");
    }
}
