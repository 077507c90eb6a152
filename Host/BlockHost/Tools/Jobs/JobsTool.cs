// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.CommandLine;
using BlockHost.Tools.Clients;

namespace BlockHost.Tools.Jobs;

/// <summary>blockhost jobs: the background jobs of a running daemon, watched and steered over its monitor.</summary>
internal sealed class JobsTool(ToolConsole console) : ITool
{
    private const string Clear = "\u001b[K";

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private static readonly string[] Words = [
        "list", "watch", "pause", "resume", "speed", "complete", "cancel", "finalize", "dismiss"];

    private bool _soft;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (ClientCommandLine.Read(args, "soft") is not { } line)
        {
            console.Out.Write(Help);
            return 0;
        }

        _soft = line.Has("soft");
        using var qmp = await line.ConnectAsync(cancellationToken);
        try
        {
            await RunAsync(qmp, line.Words, cancellationToken);
            return 0;
        }
        catch (QmpAnswerException e)
        {
            throw new ToolException(e.Message);
        }
    }

    private Task RunAsync(QmpConnection qmp, IReadOnlyList<string> words, CancellationToken cancellationToken) => words switch
    {
        [] => console.CanDraw ? WatchAsync(qmp, cancellationToken) : ListAsync(qmp, cancellationToken),
        ["list"] => ListAsync(qmp, cancellationToken),
        ["watch"] => WatchAsync(qmp, cancellationToken),
        ["cancel", var id] when _soft => qmp.RunAsync("block-job-cancel", new() { ["device"] = id }, cancellationToken),
        ["pause" or "resume" or "cancel" or "complete" or "finalize" or "dismiss", var id] =>
            qmp.RunAsync($"job-{words[0]}", new() { ["id"] = id }, cancellationToken),
        ["speed", var id, var speed] =>
            qmp.RunAsync(
                "block-job-set-speed", new() { ["device"] = id, ["speed"] = Sizes.Parse("speed", speed) }, cancellationToken),
        _ => throw ToolException.Unknown($"'{string.Join(' ', words)}' is no command", words[0], Words),
    };

    /// <summary>A terminal's last column stays free, where some break the line.</summary>
    private int Width =>
        console.IsTerminal && Console.WindowWidth is > 0 and var columns ? Math.Max(20, columns - 1) : JobLine.UsualWidth;

    private async Task ListAsync(QmpConnection qmp, CancellationToken cancellationToken)
    {
        foreach (var line in JobLine.Of(await QueryAsync(qmp, cancellationToken), Width))
            console.Out.Write(line + "\n");
    }

    /// <summary>
    /// Draws the jobs over themselves until there are none; elsewhere than on a terminal, prints what has changed.
    /// </summary>
    private async Task WatchAsync(QmpConnection qmp, CancellationToken cancellationToken)
    {
        var drawn = 0;
        var last = "";
        while (true)
        {
            var lines = JobLine.Of(await QueryAsync(qmp, cancellationToken), Width);
            if (console.CanDraw)
                drawn = Draw(lines, drawn);
            else if (string.Join('\n', lines) is var text && text != last && lines.Count > 0)
                console.Out.Write((last = text) + "\n");
            console.Out.Flush();
            if (lines.Count == 0)
                return;
            await Task.Delay(Interval, cancellationToken);
        }
    }

    private int Draw(List<string> lines, int drawn)
    {
        var width = Width;
        if (drawn > 0)
            console.Out.Write($"\u001b[{drawn}A");
        foreach (var line in lines)
            console.Out.Write($"{(line.Length > width ? line[..width] : line)}{Clear}\n");
        // Fewer jobs than before: what is left of the others goes.
        console.Out.Write("\u001b[J");
        return lines.Count;
    }

    /// <summary>Oldest first; from a daemon that tells no rates, what query-jobs tells.</summary>
    private static async Task<IReadOnlyList<JsonElement>> QueryAsync(QmpConnection qmp, CancellationToken cancellationToken)
    {
        JsonElement jobs;
        try
        {
            jobs = await qmp.RunAsync("x-blockhost-query-job-progress", arguments: null, cancellationToken);
        }
        catch (QmpAnswerException e) when (e.Class == "CommandNotFound")
        {
            jobs = await qmp.RunAsync("query-jobs", arguments: null, cancellationToken);
        }

        return [.. jobs.EnumerateArray().Reverse()];
    }

    private const string Help =
        """
        Usage: blockhost jobs [--qmp SOCKET | --state DIR] [COMMAND]

        Shows and steers the background jobs of a running daemon.

          list               the jobs, a line each
          watch              the same, live, until there are no jobs (what a terminal gets without COMMAND)
          pause ID           stop a job for a while
          resume ID          let it go on
          speed ID BYTES     limit its speed, to so many bytes a second (10M; 0: no limit)
          complete ID        bring a job that is ready to its end
          cancel [--soft] ID end it at once; softly: leave a ready mirror as a good copy
          finalize ID        let a pending job, and those of its transaction, take effect
          dismiss ID         forget a job that has concluded

          --qmp SOCKET       the daemon's monitor
          --state DIR        the state folder of 'blockhost serve' (default: that of a serve without options)

        """;
}
