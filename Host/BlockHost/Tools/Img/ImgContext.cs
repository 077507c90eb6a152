// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Plugins;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>What every subcommand has: the console, and the host, started when a command first needs it.</summary>
internal sealed class ImgContext(string command, ToolConsole console, IHostFactory hosts) : IAsyncDisposable
{
    private const string ProgressOption = "--progress=";

    private RunningHost? _host;
    private ProgressLine? _progress;
    private bool _jsonProgress;

    /// <summary>The subcommand's name.</summary>
    public string Command { get; } = command;

    public ToolConsole Console { get; } = console;

    public TextWriter Out => Console.Out;

    public async ValueTask<RunningHost> HostAsync(CancellationToken cancellationToken)
    {
        if (_host is not null)
            return _host;
        _host = await hosts.StartAsync(HostOptions.ForTool with { CanStartOver = true }, cancellationToken);
        _host.Warnings.Given += Console.Report;
        _host.Warnings.Noted += Console.ErrorLine;
        _host.Warnings.GivenUp += Console.GiveUp;
        return _host;
    }

    /// <summary>--object: makes a user object that images can refer to.</summary>
    public async ValueTask AddObjectAsync(string definition, CancellationToken cancellationToken)
    {
        var host = await HostAsync(cancellationToken);
        await host.AddObjectAsync(definition, cancellationToken);
    }

    /// <summary>Opens an image; the message of a failure names it, as qemu-img's does.</summary>
    public async ValueTask<OpenImage> OpenAsync(
        ImageSource source, OpenMode mode, CancellationToken cancellationToken, int failureCode = 1)
    {
        if (source is { IsOptions: true, Format: not null })
            throw new ToolException("--image-opts and --format are mutually exclusive", failureCode);
        var host = await HostAsync(cancellationToken);
        try
        {
            var image = await MayStartOverAsync(host.Images.OpenAsync(source, mode, cancellationToken));
            image.WarnOfGuess(Console);
            return image;
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            throw new ToolException($"Could not open '{source.Name}': {e.Message}", failureCode) { Hint = ImageErrors.HintOf(e) };
        }
    }

    /// <summary>Reads a command line; errors are in qemu-img's words.</summary>
    public IEnumerable<GetOptItem> Options(IReadOnlyList<string> args, OptionTable table)
    {
        foreach (var item in GetOpt.Read(WithoutProgressOption(args), table))
        {
            if (item.Kind == GetOptKind.MissingArgument)
                throw ToolException.Usage($"missing argument for option '{item.Word}'");
            if (item.Kind is not (GetOptKind.Option or GetOptKind.Operand))
                throw ToolException.Unknown($"unrecognized option '{item.Word ?? Command}'", item.Text, table.LongNames);
            if (item is { Kind: GetOptKind.Option, Key: "h" })
                throw Help(Command);

            yield return item;
        }
    }

    /// <summary>Ends the command with its help, which under QEMU's name is the whole tool's.</summary>
    public static ToolException Help(string? command) => new("", exitCode: 0) { WantsHelp = true, HelpOf = command };

    /// <summary>Begins to show how far the command is.</summary>
    /// <param name="wanted">-p, and not -q.</param>
    /// <param name="step">Percent between two lines of -p.</param>
    public ProgressLine StartProgress(bool wanted, double step = 1) =>
        _progress = ProgressLine.Start(Command, Console, wanted, _jsonProgress, step);

    /// <summary>Awaits what may need another program: the command then starts over there, and so does its progress.</summary>
    public async ValueTask<T> MayStartOverAsync<T>(ValueTask<T> work)
    {
        try
        {
            return await work;
        }
        catch (NotLinkedInException)
        {
            _progress?.Abandon();
            throw;
        }
    }

    /// <summary>
    /// --progress=json is no option of QEMU's: it is taken out before the command line is read, so that what
    /// abbreviates one of QEMU's still does.
    /// </summary>
    public IReadOnlyList<string> WithoutProgressOption(IReadOnlyList<string> args)
    {
        var rest = new List<string>(args);
        var end = rest.IndexOf("--");
        for (var i = (end < 0 ? rest.Count : end) - 1; i >= 0; i--)
        {
            if (!rest[i].StartsWith(ProgressOption, StringComparison.Ordinal))
                continue;
            if (rest[i] != ProgressOption + "json")
                throw new ToolException("--progress must be used with json as argument.");
            _jsonProgress = true;
            rest.RemoveAt(i);
        }

        return rest;
    }

    public CacheMode ParseCache(string name, string what = "cache", int failureCode = 1) =>
        CacheMode.TryParse(name, out var mode)
            ? mode.Value
            : throw new ToolException($"Invalid {what} option: {name}", failureCode);

    /// <summary>The value of --output; true: JSON.</summary>
    public static bool ParseOutput(string? format) => format switch
    {
        "json" => true,
        "human" => false,
        _ => throw new ToolException("--output must be used with human or json as argument."),
    };

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
            await _host.DisposeAsync();
    }
}
