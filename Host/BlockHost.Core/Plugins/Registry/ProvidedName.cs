// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>A kind and a name: what a plugin provides, as a key.</summary>
public readonly record struct ProvidedName(ProvidedKind Kind, string Name) : IComparable<ProvidedName>
{
    private static readonly ProvidedKind[] Kinds = [.. ProvidedKind.All];

    public static ProvidedName Of(IProvided thing) => new(thing.Kind, thing.Name);

    public int CompareTo(ProvidedName other) =>
        Kind != other.Kind ? Place.CompareTo(other.Place) : string.CompareOrdinal(Name, other.Name);

    private int Place => Array.IndexOf(Kinds, Kind);

    public override string ToString() => $"{Kind.Noun} '{Name}'";
}
