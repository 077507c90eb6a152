// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Tools.Clients;

namespace BlockHost.Tools.Shell;

/// <summary>
/// What a word can become: a command's name at the line's begin, a query's behind "info" and "help", and the name of a node
/// behind others.
/// </summary>
internal sealed class Completion(
    IReadOnlyList<string> commands, IReadOnlyList<string> queries, Func<CancellationToken, Task<IReadOnlyList<string>>> names)
{
    private const string Info = "info";

    /// <summary>The daemon's own help says what there is; one that has none completes nothing.</summary>
    public static async Task<Completion> LoadAsync(QmpConnection qmp, CancellationToken cancellationToken) => new(
        await NamesOfAsync(qmp, "help", skip: 0, cancellationToken),
        await NamesOfAsync(qmp, "help info", skip: 1, cancellationToken),
        token => NodesAsync(qmp, token));

    /// <returns>The words that <paramref name="line"/>'s last one begins.</returns>
    public async Task<IReadOnlyList<string>> FindAsync(string line, CancellationToken cancellationToken)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var position = line.EndsWith(' ') || words.Length == 0 ? words.Length : words.Length - 1;
        var begin = position < words.Length ? words[position] : "";
        var among = (position, words.FirstOrDefault()) switch
        {
            (0, _) => commands,
            (1, Info) => queries,
            (1, "help") => [.. commands, Info],
            _ => await names(cancellationToken),
        };
        var found = among.Where(word => word.StartsWith(begin, StringComparison.Ordinal));
        return [.. found.Distinct().Order(StringComparer.Ordinal)];
    }

    private static async Task<IReadOnlyList<string>> NamesOfAsync(
        QmpConnection qmp, string command, int skip, CancellationToken cancellationToken)
    {
        try
        {
            var help = await qmp.RunAsync(
                "human-monitor-command", new JsonObject { ["command-line"] = command }, cancellationToken);
            return [.. help.GetString()!.Split('\n').SelectMany(line => NamesIn(line, skip))];
        }
        catch (QmpAnswerException)
        {
            return [];
        }
    }

    /// <summary>"stop|s  -- stop emulation": both names. Lines that are indented belong to the one above.</summary>
    private static string[] NamesIn(string line, int skip) =>
        line.Length > 0 && char.IsAsciiLetter(line[0]) && line.Split(' ') is var words && words.Length > skip
            ? words[skip].Split('|')
            : [];

    private static async Task<IReadOnlyList<string>> NodesAsync(QmpConnection qmp, CancellationToken cancellationToken)
    {
        try
        {
            var nodes = await qmp.RunAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, cancellationToken);
            return [.. nodes.EnumerateArray().Select(node => node.GetProperty("node-name").GetString()!)];
        }
        catch (QmpAnswerException)
        {
            return [];
        }
    }
}
