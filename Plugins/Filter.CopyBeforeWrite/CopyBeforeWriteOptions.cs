// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.CopyBeforeWrite;

/// <summary>QAPI BlockdevOptionsCbw.</summary>
public sealed record CopyBeforeWriteOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Takes what is about to be overwritten.</summary>
    public required BlockdevRef Target { get; init; }

    /// <summary>What is of interest; absent: all.</summary>
    public BitmapReference? Bitmap { get; init; }

    public OnCbwError? OnCbwError { get; init; }

    /// <summary>Seconds that a guest's write waits for the copy; 0: for ever.</summary>
    public uint? CbwTimeout { get; init; }
}

/// <summary>QAPI BlockDirtyBitmap.</summary>
public sealed record BitmapReference
{
    public required string Node { get; init; }

    public required string Name { get; init; }
}

/// <summary>QAPI OnCbwError: what suffers where old data cannot be copied.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<OnCbwError>))]
public enum OnCbwError
{
    /// <summary>The guest's write fails.</summary>
    [JsonStringEnumMemberName("break-guest-write")]
    BreakGuestWrite = 0,

    /// <summary>The write is done; what was at the moment can no longer be read.</summary>
    [JsonStringEnumMemberName("break-snapshot")]
    BreakSnapshot = 1,
}

/// <summary>QAPI BlockdevOptionsGenericFormat.</summary>
public sealed record SnapshotAccessOptions
{
    public required BlockdevRef File { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(CopyBeforeWriteOptions))]
[JsonSerializable(typeof(SnapshotAccessOptions))]
internal sealed partial class CopyBeforeWriteJson : JsonSerializerContext;
