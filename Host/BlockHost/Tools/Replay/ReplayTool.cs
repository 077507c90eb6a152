// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Formats.WriteLogs;
using BlockHost.Images;

namespace BlockHost.Tools.Replay;

/// <summary>blockhost replay: an image as it was at any moment, from the log of what was written to it.</summary>
internal sealed class ReplayTool(ToolConsole console, IHostFactory hosts) : ITool
{
    private static readonly OptionTable Options = new(
        "hf:", "help=h", "format:=f", "list", "json", "until:", "mark:", "keep-discarded");

    private bool _list;
    private bool _json;
    private string? _format;
    private long? _until;
    private string? _mark;
    private bool _keepDiscarded;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (Read(args) is not { } names)
        {
            console.Out.Write(Help);
            return 0;
        }

        Check(names);
        await using var host = await hosts.StartAsync(HostOptions.ForTool with { CanStartOver = true }, cancellationToken);
        host.Warnings.Given += console.Report;
        host.Warnings.Noted += console.ErrorLine;
        await using var file = await OpenAsync(host, names[0], "raw", OpenMode.Read, cancellationToken);
        var log = await LogFile.OpenAsync(file, cancellationToken);
        if (_list)
            await new LogListing(console.Out, _json).PrintAsync(log, _until, _mark, cancellationToken);
        else
            await ReplayAsync(host, log, names[1], cancellationToken);
        return 0;
    }

    /// <summary>The log is looked through before the image is touched: a log that is damaged changes nothing.</summary>
    private async Task ReplayAsync(RunningHost host, LogFile log, string imageName, CancellationToken cancellationToken)
    {
        var total = 0L;
        await foreach (var _ in log.RecordsAsync(_until, _mark, cancellationToken))
            total++;
        var mode = new OpenMode { Writable = true, Resizes = true, Discard = "unmap" };
        await using var image = await OpenAsync(host, imageName, _format ?? "raw", mode, cancellationToken);
        var target = new ReplayTarget(image, _keepDiscarded);
        await foreach (var record in log.RecordsAsync(_until, _mark, cancellationToken))
            await target.ApplyAsync(log, record, cancellationToken);
        await target.FinishAsync(cancellationToken);
        console.Out.Write($"Replayed {total} of {log.Entries} entries\n");
    }

    private static async ValueTask<OpenImage> OpenAsync(
        RunningHost host, string name, string format, OpenMode mode, CancellationToken cancellationToken)
    {
        try
        {
            return await host.Images.OpenAsync(new ImageSource(name, format), mode, cancellationToken);
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            throw new ToolException($"Could not open '{name}': {e.Message}") { Hint = ImageErrors.HintOf(e) };
        }
    }

    private void Check(List<string> names)
    {
        if (names.Count == 0)
            throw ToolException.Usage("a log is missing");
        if (!_list && names.Count == 1)
            throw ToolException.Usage("an image is missing; '--list' shows the log alone");
        if (names.Count > (_list ? 1 : 2))
            throw ToolException.Usage($"unexpected argument '{names[^1]}'");
        if (_json && !_list)
            throw ToolException.Usage("'--json' is for '--list'");
        if (_until is not null && _mark is not null)
            throw ToolException.Usage("'--until' and '--mark' are mutually exclusive");
    }

    /// <returns>The names; null: help is asked for.</returns>
    private List<string>? Read(IReadOnlyList<string> args)
    {
        var names = new List<string>();
        foreach (var item in GetOpt.Read(args, Options))
        {
            switch (item)
            {
                case { Kind: GetOptKind.Operand }: names.Add(item.Value!); break;
                case { Kind: not GetOptKind.Option }: throw ToolException.Option(item, Options, pointToHelp: true);
                case { Key: "h" }: return null;
                case { Key: "f" }: _format = item.Value; break;
                case { Key: "list" }: _list = true; break;
                case { Key: "json" }: _json = true; break;
                case { Key: "until" }: _until = Sizes.Parse("number of entries", item.Value!); break;
                case { Key: "mark" }: _mark = item.Value; break;
                default: _keepDiscarded = true; break;
            }
        }

        return names;
    }

    private const string Help =
        """
        Usage: blockhost replay [OPTIONS] LOG IMAGE
               blockhost replay --list [--json] LOG

        Does to an image again what was written to another, from the log that the driver
        'blklogwrites' (or Linux's dm-log-writes) has kept of it. Begin with an image as
        it was when the log began; an empty file will do for one that was made under it.

          --list             show the log's entries, and change nothing
          --json             as JSON, an entry a line
          --until N          only the first N entries
          --mark NAME        only what comes up to the mark of that name
          --keep-discarded   what was discarded stays as it is (else: zeroes)
          -f, --format FMT   the image's format (default: raw)

        The log has no entry for a resize: an image grows as writes need it.

        """;
}
