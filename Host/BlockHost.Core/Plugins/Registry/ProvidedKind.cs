// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Plugins;

/// <summary>The kinds of things that plugins provide; names are unique within a kind.</summary>
public enum ProvidedKind
{
    Driver,
    Job,
    Yank,
    Device,
    Export,
    Command,
    Event,
    Type,
    Action,
}

public static class ProvidedKinds
{
    /// <summary>The kind as messages name it.</summary>
    public static string Noun(this ProvidedKind kind) => kind switch
    {
        ProvidedKind.Driver => "block driver",
        ProvidedKind.Job => "job type",
        ProvidedKind.Yank => "yank instance type",
        ProvidedKind.Device => "device model",
        ProvidedKind.Export => "export type",
        ProvidedKind.Command => "command",
        ProvidedKind.Event => "event",
        ProvidedKind.Type => "schema type",
        ProvidedKind.Action => "transaction action",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a kind of thing that plugins provide"),
    };
}

/// <summary>A kind and a name: what a plugin provides, as a key.</summary>
public readonly record struct ProvidedName(ProvidedKind Kind, string Name) : IComparable<ProvidedName>
{
    public int CompareTo(ProvidedName other) =>
        Kind != other.Kind ? Kind.CompareTo(other.Kind) : string.CompareOrdinal(Name, other.Name);

    public override string ToString() => $"{Kind.Noun()} '{Name}'";
}
