// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json.Nodes;

namespace BlockHost.Oracle.Tests.Support;

/// <summary>The real programs.</summary>
internal static class StorageDaemon
{
    /// <summary>Answers of qemu-storage-daemon to the request lines, events left out.</summary>
    public static async Task<IReadOnlyList<JsonNode>> AskAsync(IEnumerable<string> requests)
    {
        using var daemon = Start("qemu-storage-daemon", "--chardev", "stdio,id=c", "--monitor", "c");
        await ReadAsync(daemon);
        var answers = new List<JsonNode>();
        foreach (var request in requests.Prepend("""{"execute":"qmp_capabilities"}"""))
        {
            await daemon.StandardInput.WriteLineAsync(request);
            JsonNode answer;
            do
                answer = await ReadAsync(daemon);
            while (answer["event"] is not null);
            answers.Add(answer);
        }

        await daemon.StandardInput.WriteLineAsync("""{"execute":"quit"}""");
        await daemon.WaitForExitAsync();
        return answers[1..];
    }

    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        var output = await process.StandardOutput.ReadToEndAsync();
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program}: {error}");
    }

    public static Process Start(string program, params string[] arguments) =>
        Process.Start(
            new ProcessStartInfo(program, arguments)
            { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;

    // Creating an overlay prints a line of its own on standard output.
    private static async Task<JsonNode> ReadAsync(Process daemon)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await daemon.StandardOutput.ReadLineAsync(patience.Token) is { } line)
        {
            if (line.StartsWith('{'))
                return JsonNode.Parse(line)!;
        }

        throw new InvalidOperationException($"the daemon ended: {await daemon.StandardError.ReadToEndAsync()}");
    }
}
