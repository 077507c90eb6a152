// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Core.Qapi;
using BlockHost.Qmp;

namespace BlockHost.Core.Block.Opening;

/// <summary>
/// Options whose names are paths, as json: names and command lines may write them, brought into the schema's nested form:
/// <code>
///   {"driver": "qcow2", "file.driver": "file", "file.filename": "a"}
///   {"driver": "qcow2", "file": {"driver": "file", "filename": "a"}}
/// </code>
/// Where an option is given in both ways, the nested one holds.
/// </summary>
internal static class DottedOptions
{
    private const int MaxSegments = 32;

    /// <exception cref="QmpException">A name has too many parts.</exception>
    public static JsonElement Nest(JsonElement options)
    {
        if (!options.EnumerateObject().Any(member => member.Name.Contains('.', StringComparison.Ordinal)))
            return options;
        var nested = new JsonObject();
        foreach (var member in options.EnumerateObject())
        {
            if (member.Name.Contains('.', StringComparison.Ordinal))
                Put(nested, member.Name.Split('.'), Node(member.Value));
        }

        foreach (var member in options.EnumerateObject())
        {
            if (!member.Name.Contains('.', StringComparison.Ordinal))
                Merge(nested, member.Name, Node(member.Value));
        }

        return CommandLineJson.Parse(System.Text.Encoding.UTF8.GetBytes(nested.ToJsonString()));
    }

    private static void Put(JsonObject target, ReadOnlySpan<string> path, JsonNode? value)
    {
        if (path.Length > MaxSegments)
            throw new QmpException($"Parameter '{path[0]}.{path[1]}…' has more than {MaxSegments} parts");
        foreach (var step in path[..^1])
        {
            if (target[step] is not JsonObject child)
                target[step] = child = [];
            target = child;
        }

        Merge(target, path[^1], value);
    }

    private static void Merge(JsonObject target, string name, JsonNode? value)
    {
        if (target[name] is not JsonObject present || value is not JsonObject added)
        {
            target[name] = value;
            return;
        }

        foreach (var (member, below) in added.ToArray())
        {
            added.Remove(member);
            Merge(present, member, below);
        }
    }

    private static JsonNode? Node(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.Object => JsonObject.Create(Nest(value)),
        _ => JsonNode.Parse(value.GetRawText()),
    };
}
