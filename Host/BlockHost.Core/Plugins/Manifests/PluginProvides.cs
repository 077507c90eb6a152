// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Plugins;

/// <summary>The names a plugin provides, by kind.</summary>
[JsonConverter(typeof(PluginProvidesConverter))]
[QapiExtensible(QapiExtension.ProvidedNames)]
public sealed class PluginProvides
{
    private readonly ILookup<ProvidedKind, string> _names;

    public PluginProvides(IEnumerable<ProvidedName> names) =>
        _names = names.Order().ToLookup(name => name.Kind, name => name.Name);

    /// <summary>In ordinal order; none where the plugin provides nothing of the kind.</summary>
    public IReadOnlyList<string> this[ProvidedKind kind] => [.. _names[kind]];

    public IEnumerable<ProvidedName> All() => _names.SelectMany(names => names.Select(name => new ProvidedName(names.Key, name)));
}

/// <summary>An object with a list for each kind.</summary>
internal sealed class PluginProvidesConverter : JsonConverter<PluginProvides>
{
    public override PluginProvides Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("It is only written");

    public override void Write(Utf8JsonWriter writer, PluginProvides value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var kind in ProvidedKind.All)
        {
            writer.WriteStartArray(kind.Id);
            foreach (var name in value[kind])
                writer.WriteStringValue(name);
            writer.WriteEndArray();
        }

        writer.WriteEndObject();
    }
}
