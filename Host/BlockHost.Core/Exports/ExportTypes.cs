// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Exports;
using BlockHost.Qmp;

namespace BlockHost.Core.Exports;

/// <summary>The QAPI union BlockExportOptions: kept as JSON because its branches come from plugins.</summary>
[JsonConverter(typeof(QapiUnionConverter<BlockExportOptions>))]
[QapiExtensible(QapiExtension.BlockExportOptions)]
internal sealed record BlockExportOptions(JsonElement Json) : IQapiUnion<BlockExportOptions>
{
    public static BlockExportOptions From(JsonElement json) => new(json);
}

/// <summary>The members that all branches share.</summary>
internal sealed record ExportCommon
{
    [JsonPropertyName("type")]
    public required string Type { get; init; }

    [JsonPropertyName("id")]
    public required string Id { get; init; }

    [JsonPropertyName("node-name")]
    public required string NodeName { get; init; }

    [JsonPropertyName("writable")]
    public bool? Writable { get; init; }

    [JsonPropertyName("writethrough")]
    public bool? WriteThrough { get; init; }

    [JsonPropertyName("iothread")]
    public string? IoThread { get; init; }

    [JsonPropertyName("fixed-iothread")]
    public bool? FixedIoThread { get; init; }
}

internal sealed record ExportDelArguments
{
    [JsonPropertyName("id")]
    public required string Id { get; init; }

    [JsonPropertyName("mode")]
    public ExportRemoveMode? Mode { get; init; }
}

internal sealed record BlockExportInfo
{
    [JsonPropertyName("id")]
    public required string Id { get; init; }

    [JsonPropertyName("type")]
    [QapiExtensible(QapiExtension.BlockExportType)]
    public required string Type { get; init; }

    [JsonPropertyName("node-name")]
    public required string NodeName { get; init; }

    [JsonPropertyName("shutting-down")]
    public required bool ShuttingDown { get; init; }
}

internal sealed record ExportDeletedEvent
{
    [JsonPropertyName("id")]
    public required string Id { get; init; }
}

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth)]
[JsonSerializable(typeof(BlockExportOptions))]
[JsonSerializable(typeof(ExportCommon))]
[JsonSerializable(typeof(ExportDelArguments))]
[JsonSerializable(typeof(IReadOnlyList<BlockExportInfo>))]
[JsonSerializable(typeof(ExportDeletedEvent))]
internal sealed partial class ExportJson : JsonSerializerContext;
