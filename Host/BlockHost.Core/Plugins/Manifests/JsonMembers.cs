// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>
/// The members of one JSON object, each taken once by its name; what nobody takes is a mistake in the file. Manifests are
/// read at every start of every tool, so they are read from the document directly: that starts several times faster
/// than deserialisation into types.
/// </summary>
public sealed class JsonMembers
{
    private const long LargestFile = 1 << 20;
    private const int DeepestNesting = 8;

    private readonly Dictionary<string, JsonElement> _members = new(StringComparer.Ordinal);
    private readonly string _where;

    private JsonMembers(JsonElement json, string where)
    {
        _where = where;
        if (json.ValueKind != JsonValueKind.Object)
            throw new PluginException($"has {Describe(json)}{where} where an object is wanted");
        foreach (var member in json.EnumerateObject())
        {
            if (!_members.TryAdd(member.Name, member.Value))
                throw new PluginException($"has \"{member.Name}\" twice{where}");
        }
    }

    /// <summary>Reads a small file and takes all of its members with <paramref name="read"/>.</summary>
    /// <exception cref="PluginException">The file is unreadable, too large, no JSON object, or has other members; the message is
    /// a reason.</exception>
    public static T ReadFile<T>(string path, Func<JsonMembers, T> read)
    {
        try
        {
            using var file = File.OpenRead(path);
            if (file.Length > LargestFile)
                throw new PluginException($"has {file.Length} bytes; at most {LargestFile} are read");
            var json = new byte[file.Length];
            file.ReadExactly(json);
            return Read(json, read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PluginException($"cannot be read: {e.Message}", e);
        }
    }

    /// <summary>As <see cref="ReadFile"/>, from memory.</summary>
    public static T Read<T>(ReadOnlyMemory<byte> json, Func<JsonMembers, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = DeepestNesting });
            return new JsonMembers(document.RootElement, "").TakeAll(read);
        }
        catch (JsonException e)
        {
            throw new PluginException($"is not well formed: {e.Message}", e);
        }
    }

    /// <summary>Null where there is no such member, or it is null.</summary>
    public string? Text(string name) => Take(name) is { } json ? TextOf(json, name) : null;

    public string RequiredText(string name)
    {
        var text = Text(name);
        return string.IsNullOrWhiteSpace(text) ? throw new PluginException($"has no \"{name}\"{_where}") : text;
    }

    /// <summary>0 where there is no such member.</summary>
    public int Number(string name)
    {
        if (Take(name) is not { } json)
            return 0;
        return json.ValueKind == JsonValueKind.Number && json.TryGetInt32(out var number)
            ? number
            : throw new PluginException($"has {Describe(json)} for \"{name}\"{_where} where a number is wanted");
    }

    /// <summary>Empty where there is no such member.</summary>
    public IReadOnlyList<string> Texts(string name)
    {
        var texts = new List<string>();
        foreach (var item in Items(name))
            texts.Add(TextOf(item, name));
        return texts;
    }

    public IReadOnlyList<string> RequiredTexts(string name) =>
        _members.ContainsKey(name) ? Texts(name) : throw new PluginException($"has no \"{name}\"{_where}");

    /// <summary>Empty where there is no such member.</summary>
    public IReadOnlyDictionary<string, string> TextMap(string name)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Take(name) is { } json)
        {
            foreach (var (key, value) in new JsonMembers(json, $" in \"{name}\"")._members)
                map.Add(key, TextOf(value, name));
        }

        return map;
    }

    public T RequiredObject<T>(string name, Func<JsonMembers, T> read)
    {
        var json = Take(name) ?? throw new PluginException($"has no \"{name}\"{_where}");
        return new JsonMembers(json, $" in \"{name}\"").TakeAll(read);
    }

    /// <summary>Empty where there is no such member.</summary>
    public IReadOnlyList<T> Objects<T>(string name, Func<JsonMembers, T> read)
    {
        var objects = new List<T>();
        foreach (var item in Items(name))
            objects.Add(new JsonMembers(item, $" in \"{name}\"").TakeAll(read));
        return objects;
    }

    private static string Describe(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => json.GetRawText(),
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };

    private T TakeAll<T>(Func<JsonMembers, T> read)
    {
        var result = read(this);
        foreach (var name in _members.Keys)
            throw new PluginException($"has \"{name}\"{_where}, which is unknown");
        return result;
    }

    private JsonElement? Take(string name) =>
        _members.Remove(name, out var json) && json.ValueKind != JsonValueKind.Null ? json : null;

    private IEnumerable<JsonElement> Items(string name)
    {
        if (Take(name) is not { } json)
            return [];
        return json.ValueKind == JsonValueKind.Array
            ? json.EnumerateArray()
            : throw new PluginException($"has {Describe(json)} for \"{name}\"{_where} where a list is wanted");
    }

    private string TextOf(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.String
            ? json.GetString()!
            : throw new PluginException($"has {Describe(json)} for \"{name}\"{_where} where a text is wanted");
}
