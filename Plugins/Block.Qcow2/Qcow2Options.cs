// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Plugins.Block.Qcow2.Encryption;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>Options to open an image with (QAPI BlockdevOptionsQcow2).</summary>
public sealed record Qcow2Options
{
    public required BlockdevRef File { get; init; }

    /// <summary>Absent: the backing file that the header names; null: none.</summary>
    public BlockdevRefOrNull? Backing { get; init; }

    /// <summary>Absent: as the image's feature bit says.</summary>
    public bool? LazyRefcounts { get; init; }

    /// <summary>Absent: as the node's discard option says.</summary>
    public bool? PassDiscardRequest { get; init; }

    public bool? PassDiscardSnapshot { get; init; }

    public bool? PassDiscardOther { get; init; }

    /// <summary>Guest discards leave clusters allocated, as zeroes (QEMU 8.1).</summary>
    public bool? DiscardNoUnref { get; init; }

    public Qcow2OverlapChecks? OverlapCheck { get; init; }

    /// <summary>Bytes for both metadata caches together.</summary>
    public long? CacheSize { get; init; }

    public long? L2CacheSize { get; init; }

    public long? L2CacheEntrySize { get; init; }

    public long? RefcountCacheSize { get; init; }

    /// <summary>Seconds after which unused cache entries are dropped; 0: never.</summary>
    public long? CacheCleanInterval { get; init; }

    /// <summary>The image follows its persistent bitmaps while it is in use, so that they outlive a crash.</summary>
    [JsonPropertyName("x-blockhost-bitmap-checkpoint")]
    [QapiFeature("unstable")]
    public bool? BitmapCheckpoint { get; init; }

    public BlockdevQcow2Encryption? Encrypt { get; init; }

    /// <summary>encrypt.key-secret of command lines, which leave the format to the header.</summary>
    [QapiLegacy]
    public string? EncryptKeySecret { get; init; }

    public BlockdevRef? DataFile { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<Qcow2OverlapCheckMode>))]
public enum Qcow2OverlapCheckMode
{
    [JsonStringEnumMemberName("none")]
    None = 0,

    [JsonStringEnumMemberName("constant")]
    Constant = 1,

    [JsonStringEnumMemberName("cached")]
    Cached = 2,

    [JsonStringEnumMemberName("all")]
    All = 3,
}

/// <summary>Which structures writes are checked against: a template, and exceptions to it.</summary>
public sealed record Qcow2OverlapCheckFlags
{
    public Qcow2OverlapCheckMode? Template { get; init; }

    public bool? MainHeader { get; init; }

    public bool? ActiveL1 { get; init; }

    public bool? ActiveL2 { get; init; }

    public bool? RefcountTable { get; init; }

    public bool? RefcountBlock { get; init; }

    public bool? SnapshotTable { get; init; }

    public bool? InactiveL1 { get; init; }

    public bool? InactiveL2 { get; init; }

    public bool? BitmapDirectory { get; init; }
}

/// <summary>A mode, or flags.</summary>
[JsonConverter(typeof(Qcow2OverlapChecksConverter))]
[QapiAlternate(typeof(Qcow2OverlapCheckFlags), typeof(Qcow2OverlapCheckMode))]
public sealed record Qcow2OverlapChecks(Qcow2OverlapCheckFlags Flags);

public sealed class Qcow2OverlapChecksConverter : JsonConverter<Qcow2OverlapChecks>
{
    public override Qcow2OverlapChecks Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String
            ? new(new Qcow2OverlapCheckFlags
            {
                Template = JsonSerializer.Deserialize(
                ref reader, Qcow2Json.Default.Qcow2OverlapCheckMode)
            })
            : new(JsonSerializer.Deserialize(ref reader, Qcow2Json.Default.Qcow2OverlapCheckFlags)!);

    public override void Write(Utf8JsonWriter writer, Qcow2OverlapChecks value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, value.Flags, Qcow2Json.Default.Qcow2OverlapCheckFlags);
}
