// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>
/// A page of docs/guides, or the README's tour, which is a session that can be run:
/// <code>
///   ```console          ```json
///   $ command \         -> request
///       rest            &lt;- answer, or an event to wait for: the members shown are in it
///   line of its output
///   ```                 ```
/// </code>
/// </summary>
internal sealed class Guide(string folder, string path)
{
    private QmpClient? _monitor;

    public async Task RunAsync(string page)
    {
        try
        {
            foreach (var (language, lines) in Blocks(await File.ReadAllLinesAsync(page)))
            {
                if (language == "console")
                    RunCommands(lines);
                else if (language == "json")
                    await TalkAsync(lines);
            }
        }
        finally
        {
            _monitor?.Dispose();
            Shell("for pid in daemon.pid guest.pid; do [ ! -e $pid ] || kill -9 $(cat $pid) 2>/dev/null || true; done");
        }
    }

    private static IEnumerable<(string Language, List<string> Lines)> Blocks(string[] page)
    {
        for (var i = 0; i < page.Length; i++)
        {
            if (!page[i].StartsWith("```", StringComparison.Ordinal))
                continue;
            var (language, lines) = (page[i][3..], new List<string>());
            while (page[++i] != "```")
                lines.Add(page[i]);
            yield return (language, lines);
        }
    }

    private void RunCommands(List<string> lines)
    {
        for (var i = 0; i < lines.Count;)
        {
            Assert.StartsWith("$ ", lines[i]);
            var command = lines[i++][2..];
            while (command.EndsWith('\\'))
                command = command[..^1] + lines[i++].TrimStart();
            var result = Shell(command);
            Assert.True(result.ExitCode == 0, $"{command}: {result}");
            for (; i < lines.Count && !lines[i].StartsWith("$ ", StringComparison.Ordinal); i++)
                Assert.Contains(lines[i], result.Output.Split('\n'));
        }
    }

    private async Task TalkAsync(List<string> lines)
    {
        _monitor ??= await QmpClient.OpenAsync(Path.Combine(folder, "qmp.sock"));
        var answer = default(JsonElement);
        foreach (var line in lines)
        {
            if (line.StartsWith("-> ", StringComparison.Ordinal))
            {
                answer = await _monitor.SendAsync(line[3..]);
                continue;
            }

            Assert.StartsWith("<- ", line);
            var expected = JsonDocument.Parse(line[3..]).RootElement;
            if (expected.TryGetProperty("event", out _))
                await _monitor.WaitForAsync(message => Contains(message, expected));
            else
                Assert.True(Contains(answer, expected), $"expected {line[3..]}, and got {answer}");
        }

        // Another daemon may take its place.
        if (!lines.Exists(line => line.Contains("\"execute\": \"quit\"", StringComparison.Ordinal)))
            return;
        _monitor.Dispose();
        _monitor = null;
    }

    private static bool Contains(JsonElement actual, JsonElement expected) => expected.ValueKind switch
    {
        _ when actual.ValueKind != expected.ValueKind => false,
        JsonValueKind.Object =>
            expected.EnumerateObject().All(
                member => actual.TryGetProperty(member.Name, out var value) && Contains(value, member.Value)),
        JsonValueKind.Array =>
            actual.GetArrayLength() == expected.GetArrayLength()
                && actual.EnumerateArray().Zip(expected.EnumerateArray(), Contains).All(same => same),
        _ => actual.GetRawText() == expected.GetRawText(),
    };

    private CommandResult Shell(string command) =>
        CommandRunner.RunIn(folder, "bash", "-c", $"PATH={path}; {command}");
}
