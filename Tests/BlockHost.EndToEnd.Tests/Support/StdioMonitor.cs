// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;

namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>A storage daemon with its monitor on standard input and output.</summary>
internal static class StdioMonitor
{
    /// <summary>The answers to commands, in order, without events.</summary>
    /// <param name="program">A daemon, or a program that is one when it is called with <paramref name="role"/>.</param>
    public static async Task<IReadOnlyList<JsonNode>> RunAsync(
        string program, IReadOnlyList<string> commands, params string[] role)
    {
        using var process = CommandRunner.Start(
            Path.GetTempPath(), program, [.. role, "--chardev", "stdio,id=c", "--monitor", "chardev=c"]);
        try
        {
            var answers = new List<JsonNode>();
            foreach (var command in commands.Prepend("""{"execute":"qmp_capabilities"}"""))
            {
                await process.StandardInput.WriteLineAsync(command);
                answers.Add(await AnswerAsync(process.StandardOutput));
            }

            return answers[1..];
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>The same whatever the order of lists and members.</summary>
    public static string Normalise(JsonNode? node) => node switch
    {
        JsonObject members =>
            "{" + string.Join(
                ", ", members.Select(member => $"{member.Key}: {Normalise(member.Value)}").Order(StringComparer.Ordinal)) + "}",
        JsonArray items => "[" + string.Join(", ", items.Select(Normalise).Order(StringComparer.Ordinal)) + "]",
        null => "null",
        _ => node.ToJsonString(),
    };

    private static async Task<JsonNode> AnswerAsync(StreamReader output)
    {
        while (true)
        {
            var line = await output.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60))
                ?? throw new EndOfStreamException("The daemon has ended");
            var message = JsonNode.Parse(line)!.AsObject();
            if (message.ContainsKey("return") || message.ContainsKey("error"))
                return message;
        }
    }
}
