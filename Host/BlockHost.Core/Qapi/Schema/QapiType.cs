// SPDX-License-Identifier: MIT
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>A type of the schema. Types are built from serializer metadata, so that they cannot drift from the code.</summary>
public abstract class QapiType
{
    public IReadOnlyList<string> Features { get; init; } = [];
}

public enum QapiScalar
{
    String,
    Boolean,
    Number,

    /// <summary>Any JSON value.</summary>
    Any,
    Null,
}

public sealed class QapiScalarType(QapiScalar kind) : QapiType
{
    public QapiScalar Kind => kind;
}

/// <summary>A whole number; the schema shows all of them as "int".</summary>
/// <param name="name">As error messages name it, such as "uint32_t".</param>
public sealed class QapiIntegerType(string name, bool signed, int bits) : QapiType
{
    public string Name => name;

    public bool Signed => signed;

    public int Bits => bits;
}

public sealed class QapiEnumType(IReadOnlyList<QapiEnumValue> values) : QapiType
{
    public IReadOnlyList<QapiEnumValue> Values => values;
}

public sealed record QapiEnumValue(string Name, IReadOnlyList<string> Features);

public sealed class QapiArrayType(QapiType element) : QapiType
{
    public QapiType Element => element;
}

/// <summary>An object, or a union: members of all branches, a tag member, and each branch's own members.</summary>
public class QapiObjectType : QapiType
{
    /// <summary>In the schema's order; filled after construction because types may be recursive.</summary>
    public IReadOnlyList<QapiMember> Members { get; internal set; } = [];

    /// <summary>Name of the member that selects the branch, or null.</summary>
    public string? Tag { get; internal set; }

    /// <summary>Branches by value of the tag, in order; each without <see cref="Members"/>.</summary>
    public IReadOnlyList<QapiVariant> Variants { get; internal set; } = [];
}

public sealed record QapiMember(string Name, QapiType Type, bool Optional, IReadOnlyList<string> Features)
{
    /// <summary>Accepted from older clients, but not shown in the schema.</summary>
    public bool IsLegacy { get; init; }
}

public sealed record QapiVariant(string Case, QapiObjectType Type);

/// <summary>A value of one of several types, told apart by its JSON kind.</summary>
/// <param name="name">As error messages name it.</param>
public sealed class QapiAlternateType(string name) : QapiType
{
    public string Name => name;

    public IReadOnlyList<QapiType> Branches { get; internal set; } = [];
}

/// <summary>A type that plugins complete; see <see cref="QapiBranches"/>.</summary>
public sealed class QapiExtensibleType(QapiExtension extension) : QapiType
{
    public QapiExtension Extension => extension;
}
