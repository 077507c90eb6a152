// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects.Qom;

internal sealed record QomListArguments
{
    public required string Path { get; init; }
}

internal sealed record QomGetArguments
{
    public required string Path { get; init; }

    public required string Property { get; init; }
}

internal sealed record QomSetArguments
{
    public required string Path { get; init; }

    public required string Property { get; init; }

    public required JsonElement Value { get; init; }
}

internal sealed record QomListTypesArguments
{
    public string? Implements { get; init; }

    public bool? Abstract { get; init; }
}

internal sealed record QomListPropertiesArguments
{
    public required string Typename { get; init; }
}

/// <summary>QAPI ObjectPropertyInfo.</summary>
internal sealed record ObjectPropertyInfo(string Name, string Type)
{
    public string? Description { get; init; }

    public JsonElement? DefaultValue { get; init; }
}

/// <summary>QAPI ObjectTypeInfo.</summary>
internal sealed record ObjectTypeInfo(string Name)
{
    public bool? Abstract { get; init; }

    public string? Parent { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(QomListArguments))]
[JsonSerializable(typeof(QomGetArguments))]
[JsonSerializable(typeof(QomSetArguments))]
[JsonSerializable(typeof(QomListTypesArguments))]
[JsonSerializable(typeof(QomListPropertiesArguments))]
[JsonSerializable(typeof(IReadOnlyList<ObjectPropertyInfo>))]
[JsonSerializable(typeof(IReadOnlyList<ObjectTypeInfo>))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(string))]
internal sealed partial class QomJson : JsonSerializerContext;
