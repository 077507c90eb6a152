// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;

namespace BlockHost.Qmp;

/// <summary>An event that monitors are told of.</summary>
public abstract class QmpEvent(string name) : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Event;

    public string Name { get; } = name;

    /// <summary>Null: the event has no data.</summary>
    public abstract JsonTypeInfo? DataType { get; }

    public IReadOnlyList<string> Features { get; init; } = [];

    /// <summary>Clients get the event at most once in this time, then the last one; zero: every one.</summary>
    public TimeSpan MinimumInterval { get; init; }

    /// <summary>Member of the data whose values are limited apart from each other, such as "node-name"; or null.</summary>
    public string? IntervalKey { get; init; }
}

/// <summary>An event with data; declare one instance, register it and emit with it.</summary>
public sealed class QmpEvent<T>(string name, Func<JsonTypeInfo<T>> dataType) : QmpEvent(name)
{
    private JsonTypeInfo<T>? _deep;

    public override JsonTypeInfo? DataType => dataType();

    public JsonElement Serialize(T data) => JsonSerializer.SerializeToElement(data, _deep ??= dataType().Deep());
}

/// <summary>An event without data.</summary>
public sealed class QmpSignal(string name) : QmpEvent(name)
{
    public override JsonTypeInfo? DataType => null;
}

public interface IQmpEvents
{
    /// <summary>Sends the event to every monitor; never blocks.</summary>
    void Emit<T>(QmpEvent<T> qmpEvent, T data);

    void Emit(QmpSignal signal);
}

/// <summary>A type to be shown in the introspection schema that no command or event reaches.</summary>
public sealed class QmpType(string name, Func<JsonTypeInfo> type) : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Type;

    public string Name { get; } = name;

    public JsonTypeInfo Type => type();
}
