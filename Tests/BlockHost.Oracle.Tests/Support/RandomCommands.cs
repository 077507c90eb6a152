// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Core.Qapi;

namespace BlockHost.Oracle.Tests.Support;

/// <summary>Makes commands out of query-qmp-schema: mostly of the right shape, with values that are often odd.</summary>
internal sealed class RandomCommands
{
    private const int Deepest = 4;

    private readonly Dictionary<string, SchemaInfo> _types;
    private readonly SchemaCommand[] _commands;
    private readonly Random _random;
    private readonly string _folder;
    private int _nodes;

    /// <param name="folder">Where files may be made.</param>
    public RandomCommands(IReadOnlyList<SchemaInfo> schema, Random random, string folder)
    {
        _types = schema.Where(entry => entry is not (SchemaCommand or SchemaEvent))
            .ToDictionary(entry => entry.Name, StringComparer.Ordinal);
        _commands = [.. schema.OfType<SchemaCommand>().OrderBy(command => command.Name, StringComparer.Ordinal)];
        _random = random;
        _folder = folder;
    }

    public string Next()
    {
        var command = Pick(_commands);
        return Text(command.Name, Members((SchemaObject)_types[command.ArgType], depth: 0));
    }

    /// <summary>A node that works, for the other commands to work with.</summary>
    public string NextNode()
    {
        var name = $"n{_nodes++ % 4}";
        if (_random.Next(2) == 0)
            return Text("blockdev-add", new JsonObject { ["driver"] = "null-co", ["node-name"] = name, ["size"] = 1 << 20 });
        var file = $"{_folder}/{name}.raw";
        if (!File.Exists(file))
            File.WriteAllBytes(file, new byte[1 << 16]);
        return Text(
            "blockdev-add",
            new JsonObject { ["driver"] = "raw", ["node-name"] = name, ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = file } });
    }

    private static string Text(string command, JsonObject arguments) =>
        new JsonObject { ["execute"] = command, ["arguments"] = arguments }.ToJsonString();

    private JsonNode? Value(SchemaInfo type, string member, int depth) => _random.Next(60) == 0 ? Odd() : type switch
    {
        SchemaBuiltin builtin => Scalar(builtin.JsonType, member),
        SchemaEnum { Members: { Count: > 0 } values } => JsonValue.Create(Pick(values).Name),
        SchemaEnum => JsonValue.Create(""),
        SchemaArray array =>
            new JsonArray(
                [.. Enumerable.Range(0, _random.Next(3)).Select(_ => Value(_types[array.ElementType], member, depth + 1))]),
        SchemaAlternate alternate => Value(_types[Pick(alternate.Members).Type], member, depth + 1),
        SchemaObject members => Members(members, depth),
        _ => null,
    };

    private JsonObject Members(SchemaObject type, int depth)
    {
        var result = new JsonObject();
        Add(type, result, depth);
        if (type.Tag is { } tag && result[tag] is JsonValue chosen
            && type.Variants?.FirstOrDefault(variant => variant.Case == chosen.ToString()) is { } variant)
            Add((SchemaObject)_types[variant.Type], result, depth);
        return result;
    }

    private void Add(SchemaObject type, JsonObject to, int depth)
    {
        foreach (var member in type.Members)
        {
            if (member.Default is null ? _random.Next(50) != 0 : depth < Deepest && _random.Next(4) == 0)
                to[member.Name] = Value(_types[member.Type], member.Name, depth + 1);
        }
    }

    private JsonNode? Scalar(SchemaJsonType type, string member) => type switch
    {
        SchemaJsonType.String => JsonValue.Create(Word(member)),
        SchemaJsonType.Int or SchemaJsonType.Number => JsonValue.Create(Number(member)),
        SchemaJsonType.Boolean => JsonValue.Create(_random.Next(2) == 0),
        SchemaJsonType.Null => null,
        SchemaJsonType.Array => new JsonArray(),
        _ => new JsonObject(),
    };

    /// <summary>Names of files stay in the folder, names of hosts on this machine.</summary>
    private string Word(string member) => member switch
    {
        "host" => "127.0.0.1",
        "port" => "0",
        "str" => "no-such-fd",
        "path" or "filename" or "file" or "target" or "dir" or "data-file" or "backing-file" or "backing-fmt" or "snapshot-file"
            or "manifest" or "format"
            =>
                Pick(
                    [
                        $"{_folder}/a", $"{_folder}/b", $"{_folder}/n0.raw", $"{_folder}/none/a", $"{_folder}", "", "json:{",
                        """json:{"driver":"null-co","size":65536}""", "raw", "qcow2", $"{_folder}/\0"]),
        _ => Pick(["n0", "n1", "n2", "n3", "j0", "j1", "b0", "e0", "", "none", "a b", "#x", "\u00e9", new string('x', 300)]),
    };

    /// <summary>Sizes are small, or so large that nobody can take them for one: nothing is filled.</summary>
    private long Number(string member) => member is "size" or "data-file-size"
        ? Pick([0L, 1, 512, 65536, 1 << 20, -1])
        : Pick([0L, 1, 2, 16, 512, 513, 65536, 1 << 20, -1, int.MaxValue, long.MinValue, long.MaxValue]);

    private JsonNode? Odd() => _random.Next(5) switch
    {
        0 => null,
        1 => JsonValue.Create(""),
        2 => JsonValue.Create(-1),
        3 => new JsonArray(),
        _ => new JsonObject(),
    };

    private T Pick<T>(IReadOnlyList<T> of) => of[_random.Next(of.Count)];
}
