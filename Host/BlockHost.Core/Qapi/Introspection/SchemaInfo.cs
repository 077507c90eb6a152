// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>One entry of query-qmp-schema (QAPI union SchemaInfo).</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "meta-type")]
[JsonDerivedType(typeof(SchemaBuiltin), "builtin")]
[JsonDerivedType(typeof(SchemaEnum), "enum")]
[JsonDerivedType(typeof(SchemaArray), "array")]
[JsonDerivedType(typeof(SchemaObject), "object")]
[JsonDerivedType(typeof(SchemaAlternate), "alternate")]
[JsonDerivedType(typeof(SchemaCommand), "command")]
[JsonDerivedType(typeof(SchemaEvent), "event")]
public abstract record SchemaInfo
{
    public required string Name { get; init; }

    public IReadOnlyList<string>? Features { get; init; }
}

/// <summary>A type of JSON itself.</summary>
public sealed record SchemaBuiltin : SchemaInfo
{
    public required SchemaJsonType JsonType { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<SchemaJsonType>))]
public enum SchemaJsonType
{
    [JsonStringEnumMemberName("string")]
    String = 0,

    [JsonStringEnumMemberName("number")]
    Number = 1,

    [JsonStringEnumMemberName("int")]
    Int = 2,

    [JsonStringEnumMemberName("boolean")]
    Boolean = 3,

    [JsonStringEnumMemberName("null")]
    Null = 4,

    [JsonStringEnumMemberName("object")]
    Object = 5,

    [JsonStringEnumMemberName("array")]
    Array = 6,

    /// <summary>Any of them.</summary>
    [JsonStringEnumMemberName("value")]
    Value = 7,
}

public sealed record SchemaEnum : SchemaInfo
{
    public required IReadOnlyList<SchemaEnumMember> Members { get; init; }

    /// <summary>The names again, as before QEMU 6.2.</summary>
    [QapiFeature("deprecated")]
    public required IReadOnlyList<string> Values { get; init; }
}

public sealed record SchemaEnumMember
{
    public required string Name { get; init; }

    public IReadOnlyList<string>? Features { get; init; }
}

public sealed record SchemaArray : SchemaInfo
{
    public required string ElementType { get; init; }
}

public sealed record SchemaObject : SchemaInfo
{
    public required IReadOnlyList<SchemaMember> Members { get; init; }

    public string? Tag { get; init; }

    public IReadOnlyList<SchemaVariant>? Variants { get; init; }
}

public sealed record SchemaMember
{
    public required string Name { get; init; }

    public required string Type { get; init; }

    /// <summary>Null, and present, for an optional member; absent for one that must be given.</summary>
    public JsonElement? Default { get; init; }

    public IReadOnlyList<string>? Features { get; init; }
}

public sealed record SchemaVariant
{
    public required string Case { get; init; }

    public required string Type { get; init; }
}

public sealed record SchemaAlternate : SchemaInfo
{
    public required IReadOnlyList<SchemaAlternateMember> Members { get; init; }
}

public sealed record SchemaAlternateMember
{
    public required string Type { get; init; }
}

public sealed record SchemaCommand : SchemaInfo
{
    public required string ArgType { get; init; }

    public required string RetType { get; init; }

    public bool? AllowOob { get; init; }
}

public sealed record SchemaEvent : SchemaInfo
{
    public required string ArgType { get; init; }
}
