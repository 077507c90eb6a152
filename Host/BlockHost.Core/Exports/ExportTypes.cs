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
    public required string Type { get; init; }

    public required string Id { get; init; }

    public required string NodeName { get; init; }

    public bool? Writable { get; init; }

    [JsonPropertyName("writethrough")]
    public bool? WriteThrough { get; init; }

    [JsonPropertyName("iothread")]
    public string? IoThread { get; init; }

    [JsonPropertyName("fixed-iothread")]
    public bool? FixedIoThread { get; init; }

    public bool? AllowInactive { get; init; }
}

internal sealed record ExportDelArguments
{
    public required string Id { get; init; }

    public ExportRemoveMode? Mode { get; init; }
}

internal sealed record BlockExportInfo
{
    public required string Id { get; init; }

    [QapiExtensible(QapiExtension.BlockExportType)]
    public required string Type { get; init; }

    public required string NodeName { get; init; }

    public required bool ShuttingDown { get; init; }
}

internal sealed record ExportDeletedEvent
{
    public required string Id { get; init; }
}

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth, PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(BlockExportOptions))]
[JsonSerializable(typeof(ExportCommon))]
[JsonSerializable(typeof(ExportDelArguments))]
[JsonSerializable(typeof(IReadOnlyList<BlockExportInfo>))]
[JsonSerializable(typeof(ExportDeletedEvent))]
internal sealed partial class ExportJson : JsonSerializerContext;
