// SPDX-License-Identifier: MIT
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace BlockHost.Oracle.Tests.Support;

/// <summary>
/// Answers without what may differ: order of members, digits of generated names, numbers of nodes, times of snapshots.
/// </summary>
internal static partial class Answers
{
    public static string Normalise(JsonNode answer) =>
        Time().Replace(Holder().Replace(GeneratedName().Replace(Sort(answer)!.ToJsonString(Plain), "#block"), ""), "\"$1\":#");

    /// <summary>Without the space that images take, the lengths of the files that store them, and bitmaps of jobs.</summary>
    public static string WithoutOwnWays(string answer) =>
        OwnBitmaps().Replace(FileLength().Replace(Space().Replace(answer, "\"actual-size\":#"), "$1#"), "");

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static JsonNode? Sort(JsonNode? node) => node switch
    {
        JsonObject graph when graph["nodes"] is JsonArray nodes && graph["edges"] is JsonArray edges => SortGraph(nodes, edges),
        JsonObject members =>
            new JsonObject(members.Where(member => !IsOfOtherVersions(member)).OrderBy(
                member => member.Key,
                StringComparer.Ordinal).Select(member => KeyValuePair.Create(member.Key, Sort(member.Value)))),
        JsonArray items => new JsonArray([.. items.Select(Sort)]),
        _ => node?.DeepClone(),
    };

    /// <summary>
    /// Nodes say since QEMU 10.0 whether they are active, and said until 6.0 whether they lack a key. Jobs have a number of
    /// the first name.
    /// </summary>
    private static bool IsOfOtherVersions(KeyValuePair<string, JsonNode?> member) =>
        (member.Key == "active" && member.Value?.GetValueKind() == JsonValueKind.True)
        || (member.Key == "encryption_key_missing" && member.Value?.GetValueKind() == JsonValueKind.False);

    // x-debug-query-block-graph: edges by the names of what they link.
    private static JsonArray SortGraph(JsonArray nodes, JsonArray edges)
    {
        var names = nodes.ToDictionary(node => (ulong)node!["id"]!, node => $"{node!["type"]}:{node["name"]}");
        var lines = edges.Select(
            edge =>
                $"{names[(ulong)edge!["parent"]!]} {edge["name"]} {names[(ulong)edge["child"]!]} [{Set(edge["perm"])}] [{Set(edge["shared-perm"])}]");
        return new JsonArray(
            [.. names.Values.Concat(lines).Select(line => GeneratedName().Replace(line, "#block")).Order(StringComparer.Ordinal)
                .Select(line => (JsonNode)line)]);
    }

    private static string Set(JsonNode? permissions) =>
        string.Join(",", permissions!.AsArray().Select(permission => (string)permission!).Order(StringComparer.Ordinal));

    // Ours says who holds a lock.
    [GeneratedRegex(": held by process [0-9]+ \\([^)]*\\)")]
    private static partial Regex Holder();

    [GeneratedRegex("\"((?:date|vm-clock)-n?sec)\":[1-9][0-9]*")]
    private static partial Regex Time();

    [GeneratedRegex("\"actual-size\":[0-9]+")]
    private static partial Regex Space();

    // Those without a name.
    [GeneratedRegex(
        "\"dirty-bitmaps\":\\[(?:\\{\"busy\":[a-z]+,\"count\":[0-9]+,\"granularity\":[0-9]+,\"persistent\":[a-z]+,\"recording\":[a-z]+\\},?)+\\],")]
    private static partial Regex OwnBitmaps();

    [GeneratedRegex("(\"format\":\"file\",\"virtual-size\":)[0-9]+")]
    private static partial Regex FileLength();

    [GeneratedRegex("#block[0-9]+")]
    private static partial Regex GeneratedName();
}
