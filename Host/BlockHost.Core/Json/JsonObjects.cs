// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Json;

/// <summary>Building JSON objects from others.</summary>
internal static class JsonObjects
{
    public static JsonElement Empty { get; } = QmpJson.WriteObject(static _ => { });

    public static JsonElement Where(JsonElement source, Func<JsonProperty, bool> keep) => QmpJson.WriteObject(writer =>
    {
        foreach (var member in source.EnumerateObject())
        {
            if (keep(member))
                member.WriteTo(writer);
        }
    });

    /// <summary><paramref name="source"/> with one more string member.</summary>
    public static JsonElement With(JsonElement source, string name, string value) => QmpJson.WriteObject(writer =>
    {
        writer.WriteString(name, value);
        CopyMembers(writer, source);
    });

    /// <summary><paramref name="source"/> with one more member of any kind.</summary>
    public static JsonElement With(JsonElement source, string name, JsonElement value) => QmpJson.WriteObject(writer =>
    {
        CopyMembers(writer, source);
        writer.WritePropertyName(name);
        value.WriteTo(writer);
    });

    public static void CopyMembers(Utf8JsonWriter writer, JsonElement source)
    {
        foreach (var member in source.EnumerateObject())
            member.WriteTo(writer);
    }

    public static string? StringMember(JsonElement source, string name) =>
        source.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
