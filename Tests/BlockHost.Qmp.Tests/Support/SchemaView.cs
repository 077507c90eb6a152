// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Qmp.Tests.Support;

/// <summary>A schema by name.</summary>
internal sealed class SchemaView(List<JsonElement> entries)
{
    private readonly Dictionary<string, JsonElement> _entries = entries.ToDictionary(
        entry => entry.GetProperty("name").GetString()!);

    public IEnumerable<string> Named(string metaType) =>
        _entries.Where(entry => Meta(entry.Value) == metaType).Select(entry => entry.Key);

    public JsonElement this[string name] => _entries[name];

    public static string Meta(JsonElement entry) => entry.GetProperty("meta-type").GetString()!;

    public static Dictionary<string, JsonElement> Parts(JsonElement entry, string list, string key) =>
        entry.TryGetProperty(list, out var parts)
        ? parts.EnumerateArray().ToDictionary(part => part.GetProperty(key).GetString()!)
        : [];
}
