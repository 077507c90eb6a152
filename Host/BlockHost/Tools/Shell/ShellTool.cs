// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Qmp;
using BlockHost.Tools.Clients;

namespace BlockHost.Tools.Shell;

/// <summary>
/// blockhost shell: the monitor for people of a running daemon, ours or QEMU's, over its QMP socket. On a terminal lines are
/// edited; elsewhere they are read as they come, and nothing but the answers is printed.
/// </summary>
internal sealed class ShellTool(ToolConsole console) : ITool
{
    private const string Prompt = "(blockhost) ";

    private bool _failed;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        if (ClientCommandLine.Read(args) is not { } given)
        {
            console.Out.Write(Help);
            return 0;
        }

        using var qmp = await given.ConnectAsync(cancellationToken);
        if (given.Words.Count > 0)
            await RunLineAsync(qmp, string.Join(' ', given.Words), cancellationToken);
        else if (console.CanDraw && !Console.IsInputRedirected)
            await TalkAsync(qmp, cancellationToken);
        else
            await ReadAllAsync(qmp, cancellationToken);
        return _failed ? 1 : 0;
    }

    private async Task TalkAsync(QmpConnection qmp, CancellationToken cancellationToken)
    {
        var editor = new LineEditor(console.Out, Prompt, await Completion.LoadAsync(qmp, cancellationToken));
        while (await editor.ReadAsync(cancellationToken) is { } line && !IsEnd(line))
            await RunLineAsync(qmp, line, cancellationToken);
    }

    private async Task ReadAllAsync(QmpConnection qmp, CancellationToken cancellationToken)
    {
        using var input = console.OpenInput();
        while (await input.ReadLineAsync(cancellationToken) is { } line && !IsEnd(line))
            await RunLineAsync(qmp, line, cancellationToken);
    }

    /// <summary>"quit" would end the daemon; who means the shell says "exit" or ends the input.</summary>
    private static bool IsEnd(string line) => line.Trim() == "exit";

    private async Task RunLineAsync(QmpConnection qmp, string line, CancellationToken cancellationToken)
    {
        if (string.IsNullOrWhiteSpace(line))
            return;
        try
        {
            console.Out.Write(await AnswerAsync(qmp, line, cancellationToken));
        }
        catch (QmpAnswerException e)
        {
            _failed = true;
            console.Out.Write($"Error: {e.Message}\n");
        }
        catch (JsonException e)
        {
            _failed = true;
            console.Out.Write($"Error: this is no JSON: {e.Message}\n");
        }

        console.Out.Flush();
    }

    private static async Task<string> AnswerAsync(QmpConnection qmp, string line, CancellationToken cancellationToken)
    {
        if (line.TrimStart().StartsWith('{'))
            return await RunJsonAsync(qmp, line, cancellationToken);
        var command = new JsonObject { ["command-line"] = line };
        try
        {
            var text = await qmp.RunAsync("human-monitor-command", command, cancellationToken);
            return text.GetString()!.Replace("\r\n", "\n", StringComparison.Ordinal);
        }
        catch (QmpAnswerException e) when (e.Class == "CommandNotFound")
        {
            throw new QmpAnswerException(e.Class, "this daemon has no monitor for people; it takes QMP: {\"execute\": \"query-version\"}");
        }
    }

    private static async Task<string> RunJsonAsync(QmpConnection qmp, string line, CancellationToken cancellationToken)
    {
        // Half a request would have the daemon wait for the rest.
        JsonDocument.Parse(line, QmpJson.Reading).Dispose();
        var answer = await qmp.AskAsync(line, cancellationToken);
        return JsonSerializer.Serialize(answer, ShellJson.Default.JsonElement) + "\n";
    }

    private const string Help =
        """
        Usage: blockhost shell [--qmp SOCKET | --state DIR] [COMMAND]

        Talks to a running daemon in the commands of QEMU's monitor: 'help' lists them. A line that begins with '{' is sent
        as it is, as QMP. Without COMMAND, lines are read until 'exit' or the end of the input ('quit' ends the daemon).

          --qmp SOCKET       the daemon's monitor (QEMU's, too): a Unix socket's path, or HOST:PORT
          --state DIR        the state folder of 'blockhost serve' (default: that of a serve without options)

        On a terminal, Tab completes commands and names, the arrows bring back earlier lines, and Ctrl-D ends.

        """;
}
