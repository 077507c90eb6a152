// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Core.Plugins;

/// <summary>
/// Where a plugin is in its life.
/// <code>
///   disabled ─┐
///             ├─load─► loaded ──unload──► unloading ──collected──► available
///  available ─┘   └──► faulted | unsupported
/// </code>
/// </summary>
[JsonConverter(typeof(JsonStringEnumConverter<PluginState>))]
public enum PluginState
{
    /// <summary>Its manifest is read; it loads when something it provides is asked for.</summary>
    [JsonStringEnumMemberName("available")]
    Available,

    [JsonStringEnumMemberName("loaded")]
    Loaded,

    /// <summary>The composition does not want it; only plugin-load loads it.</summary>
    [JsonStringEnumMemberName("disabled")]
    Disabled,

    /// <summary>It needs a contract this host does not serve.</summary>
    [JsonStringEnumMemberName("unsupported")]
    Unsupported,

    /// <summary>It failed; plugin-load tries again.</summary>
    [JsonStringEnumMemberName("faulted")]
    Faulted,

    /// <summary>It takes no new users; its code is in memory until the last user has gone.</summary>
    [JsonStringEnumMemberName("unloading")]
    Unloading,
}

/// <summary>A plugin as queries show it.</summary>
public sealed record PluginInfo
{
    public required string Id { get; init; }

    public required PluginState State { get; init; }

    /// <summary>Why the plugin is in that state, where the state alone does not say it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>What uses the plugin now ("node 'disk0'"); unloading waits for it.</summary>
    public required IReadOnlyList<string> Users { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Name { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Version { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Description { get; init; }

    /// <summary>Absent where the plugin is linked into the program.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Assembly { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Contract { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PluginProvides? Provides { get; init; }
}
