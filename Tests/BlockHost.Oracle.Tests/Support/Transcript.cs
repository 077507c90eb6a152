// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;

namespace BlockHost.Oracle.Tests.Support;

/// <summary>One side of a session: a daemon that is asked and that tells of jobs.</summary>
internal interface IDaemonSide : IAsyncDisposable
{
    /// <summary>What has been told of jobs so far, in order.</summary>
    IReadOnlyList<JsonNode> JobEvents { get; }

    Task<JsonNode> ExecuteAsync(string request);
}

/// <summary>
/// What a session gave: answers, and events of jobs, each in order. How the two interleave depends on the speed of the
/// machine. A line of a session is a request, or a wait for the n-th time (default: the first) that a job is in a state or
/// an event tells of it: <c>@ concluded c1</c>, <c>@ running c1 2</c>, <c>@ BLOCK_JOB_READY c1</c>; <c>@ progress c1 65536</c>
/// waits until the job has come so far; <c>$ socket export command</c> has a guest do a command of qemu-io. In the answer to a
/// request after <c>~</c> the space that files take is not compared: each side places metadata as it likes.
/// </summary>
internal sealed record Transcript(IReadOnlyList<string> Lines)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static async Task<Transcript> RunAsync(IDaemonSide side, IEnumerable<string> session)
    {
        var lines = new List<string>();
        foreach (var line in session)
        {
            if (line.StartsWith("@ progress ", StringComparison.Ordinal))
                await AwaitProgressAsync(side, line);
            else if (line.StartsWith('@'))
                await AwaitAsync(side, line);
            else if (line.StartsWith("$ ", StringComparison.Ordinal))
                lines.Add($"{line}\n    {await GuestAsync(line.Split(' ', 4))}");
            else
                lines.Add($"{line}\n    {await AskAsync(side, line)}");
        }

        lines.AddRange(side.JobEvents.Select(told => "  " + Answers.Normalise(Settled(told))));
        return new Transcript(lines);
    }

    /// <summary>Null where the two are the same; else both from the first difference on.</summary>
    public static string? Difference(Transcript real, Transcript ours)
    {
        var same = real.Lines.Zip(ours.Lines).TakeWhile(pair => pair.First == pair.Second).Count();
        return same == real.Lines.Count && same == ours.Lines.Count
            ? null
            : $"after {same} lines\nreal:\n{string.Join('\n', real.Lines.Skip(same))}\nours:\n{string.Join('\n', ours.Lines.Skip(same))}";
    }

    private static async Task<string> AskAsync(IDaemonSide side, string line)
    {
        var answer = Answers.Normalise(Settled(await side.ExecuteAsync(line.TrimStart('~', ' '))));
        return line.StartsWith('~') ? Answers.WithoutOwnWays(answer) : answer;
    }

    private static async Task<string> GuestAsync(string[] words)
    {
        using var guest = StorageDaemon.Start(
            "qemu-io", "-f", "raw", "-c", words[3], $"nbd+unix:///{words[2]}?socket={words[1]}");
        var output = await guest.StandardOutput.ReadToEndAsync() + await guest.StandardError.ReadToEndAsync();
        await guest.WaitForExitAsync();
        return $"{guest.ExitCode} {output.TrimEnd()}";
    }

    private static async Task AwaitAsync(IDaemonSide side, string line)
    {
        var words = line.Split(' ');
        var times = words.Length > 3 ? int.Parse(words[3]) : 1;
        var end = DateTime.UtcNow + Patience;
        while (side.JobEvents.Count(told => Tells(told, words[1], words[2])) < times)
        {
            if (DateTime.UtcNow > end)
                Assert.Fail($"'{line}' was never so; {side.GetType().Name} told:\n{string.Join('\n', side.JobEvents)}");
            await Task.Delay(5);
        }
    }

    private static async Task AwaitProgressAsync(IDaemonSide side, string line)
    {
        var words = line.Split(' ');
        var end = DateTime.UtcNow + Patience;
        while (await ProgressOfAsync(side, words[2]) < long.Parse(words[3]))
        {
            if (DateTime.UtcNow > end)
                Assert.Fail($"'{line}' was never so with {side.GetType().Name}");
            await Task.Delay(5);
        }
    }

    private static async Task<long?> ProgressOfAsync(IDaemonSide side, string id)
    {
        var answer = await side.ExecuteAsync("""{"execute":"query-jobs"}""");
        return (long?)answer["return"]!.AsArray().FirstOrDefault(job => (string?)job!["id"] == id)?["current-progress"];
    }

    private static bool Tells(JsonNode told, string what, string id)
    {
        var data = told["data"]!;
        return (string?)(data["id"] ?? data["device"]) == id
            && ((string?)told["event"] == what || (string?)data["status"] == what);
    }

    /// <summary>
    /// Without what depends on the moment: whether a job is just busy, how far one had come that failed or was ended early.
    /// </summary>
    private static JsonNode Settled(JsonNode node)
    {
        var copy = node.DeepClone();
        if (copy["return"] is JsonArray items)
        {
            foreach (var item in items.OfType<JsonObject>())
                RemoveMoment(item);
        }

        if (copy["event"] is { } name && copy["data"] is JsonObject data
            && ((string?)name == "BLOCK_JOB_CANCELLED" || data.ContainsKey("error")))
            data.Remove("offset");
        return copy;
    }

    private static void RemoveMoment(JsonObject item)
    {
        if (item.ContainsKey("auto-finalize"))
            item.Remove("busy");
        if (!item.ContainsKey("error") && (string?)item["io-status"] is null or "ok")
            return;
        item.Remove("offset");
        item.Remove("current-progress");
    }
}
