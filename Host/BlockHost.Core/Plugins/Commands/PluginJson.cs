// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Core.Plugins;

/// <summary>Arguments of plugin-load: one of the two.</summary>
public sealed record PluginLoadArguments
{
    /// <summary>A plugin whose manifest is in one of the host's manifest folders.</summary>
    public string? Id { get; init; }

    /// <summary>Path of a manifest; the plugin's folder is the manifest's.</summary>
    public string? Manifest { get; init; }
}

/// <summary>Arguments of plugin-unload.</summary>
public sealed record PluginUnloadArguments
{
    public required string Id { get; init; }

    /// <summary>Seconds to wait for the end before answering; default 5.</summary>
    public long? Timeout { get; init; }
}

/// <summary>Data of PLUGIN_STATE_CHANGE.</summary>
public sealed record PluginStateChange
{
    public required string Id { get; init; }

    public required PluginState State { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }
}

/// <summary>Plugins as query-plugins shows them, for people and programs without a monitor.</summary>
public static class PluginListing
{
    public static string ToJson(IReadOnlyList<PluginInfo> plugins)
    {
        using var text = new MemoryStream();
        using (var writer = new Utf8JsonWriter(
            text, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            JsonSerializer.Serialize(writer, plugins, PluginJson.Default.IReadOnlyListPluginInfo);
        return Encoding.UTF8.GetString(text.ToArray());
    }
}

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth, PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(PluginLoadArguments))]
[JsonSerializable(typeof(PluginUnloadArguments))]
[JsonSerializable(typeof(PluginStateChange))]
[JsonSerializable(typeof(IReadOnlyList<PluginInfo>))]
internal sealed partial class PluginJson : JsonSerializerContext;
