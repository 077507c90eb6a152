// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Logging;

/// <summary>
/// trace-event-get-state and trace-event-set-state. Events are the log's categories, named as QEMU names events.
/// </summary>
internal sealed class TraceCommands(HostLoggers loggers, PluginManager plugins)
{
    public void Register(IPluginRegistry registry)
    {
        var json = TraceJson.Default;
        registry.Add(QmpCommand.Create(
            "trace-event-get-state",
            () => json.TraceGetArguments,
            () => json.IReadOnlyListTraceEventInfo,
            (_, arguments, _) => new(Get(arguments))));
        registry.Add(QmpCommand.CreateAction("trace-event-set-state", () => json.TraceSetArguments, (_, arguments, _) =>
        {
            foreach (var category in Select(arguments.Name, arguments.Vcpu))
                loggers.Trace(category, arguments.Enable);
            return ValueTask.CompletedTask;
        }));
    }

    private IReadOnlyList<TraceEventInfo> Get(TraceGetArguments arguments) =>
    [
        .. Select(arguments.Name, arguments.Vcpu).Select(category => new TraceEventInfo
        {
            Name = LogCategoryFilter.EventName(category),
            State = loggers.IsTraced(category) ? TraceEventState.Enabled : TraceEventState.Disabled,
            Vcpu = false,
        }),
    ];

    private List<string> Select(string pattern, long? cpu)
    {
        if (cpu is { } index)
            throw new QmpException($"invalid vCPU index {index}");
        var all = loggers.Categories.Concat(plugins.List().Select(plugin => plugin.Id)).Distinct();
        var selected = all.Where(category => LogCategoryFilter.Selects(pattern, category)).Order(StringComparer.Ordinal).ToList();
        return selected.Count > 0 || pattern.AsSpan().ContainsAny('*', '?')
            ? selected
            : throw new QmpException($"unknown event \"{pattern}\"");
    }
}

internal sealed record TraceGetArguments
{
    public required string Name { get; init; }

    public long? Vcpu { get; init; }
}

internal sealed record TraceSetArguments
{
    public required string Name { get; init; }

    public required bool Enable { get; init; }

    /// <summary>Accepted: there is no event that cannot be traced.</summary>
    public bool? IgnoreUnavailable { get; init; }

    public long? Vcpu { get; init; }
}

/// <summary>QAPI TraceEventState.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TraceEventState>))]
internal enum TraceEventState
{
    [JsonStringEnumMemberName("unavailable")]
    Unavailable,

    [JsonStringEnumMemberName("disabled")]
    Disabled,

    [JsonStringEnumMemberName("enabled")]
    Enabled,
}

/// <summary>QAPI TraceEventInfo.</summary>
internal sealed record TraceEventInfo
{
    public required string Name { get; init; }

    public required TraceEventState State { get; init; }

    public required bool Vcpu { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(TraceGetArguments))]
[JsonSerializable(typeof(TraceSetArguments))]
[JsonSerializable(typeof(IReadOnlyList<TraceEventInfo>))]
internal sealed partial class TraceJson : JsonSerializerContext;
