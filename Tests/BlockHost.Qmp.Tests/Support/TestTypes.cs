// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Net;

namespace BlockHost.Qmp.Tests.Support;

public sealed record NullOptions
{
    public long? Size { get; init; }

    public ulong? LatencyNs { get; init; }

    public bool? ReadZeroes { get; init; }
}

public sealed record FileOptions
{
    public required string Filename { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<OverlapCheckMode>))]
public enum OverlapCheckMode
{
    [JsonStringEnumMemberName("none")]
    None,

    [JsonStringEnumMemberName("all")]
    All,
}

public sealed record OverlapCheckFlags
{
    public OverlapCheckMode? Template { get; init; }
}

[QapiAlternate(typeof(OverlapCheckFlags), typeof(OverlapCheckMode))]
[JsonConverter(typeof(QapiUnionConverter<Qcow2OverlapChecks>))]
public sealed record Qcow2OverlapChecks(JsonElement Json) : IQapiUnion<Qcow2OverlapChecks>
{
    public static Qcow2OverlapChecks From(JsonElement json) => new(json);
}

public sealed record Qcow2Options
{
    public required BlockdevRef File { get; init; }

    public BlockdevRefOrNull? Backing { get; init; }

    public Qcow2OverlapChecks? OverlapCheck { get; init; }

    public long? CacheSize { get; init; }
}

public sealed record NbdOptions
{
    public required SocketAddress Server { get; init; }

    public uint? ReconnectDelay { get; init; }
}

public sealed record QuorumOptions
{
    public required IReadOnlyList<BlockdevRef> Children { get; init; }

    public required long VoteThreshold { get; init; }
}

[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(LegacyInet), "inet")]
[JsonDerivedType(typeof(LegacyUnix), "unix")]
public abstract record LegacyAddress;

public sealed record LegacyInet : LegacyAddress
{
    public required LegacyInetData Data { get; init; }
}

public sealed record LegacyInetData
{
    public required string Host { get; init; }

    public required string Port { get; init; }

    public ushort? To { get; init; }
}

public sealed record LegacyUnix : LegacyAddress
{
    public required LegacyUnixData Data { get; init; }
}

public sealed record LegacyUnixData
{
    public required string Path { get; init; }
}

public sealed record NbdServerStart
{
    public required LegacyAddress Addr { get; init; }

    public string? TlsCreds { get; init; }

    public uint? MaxConnections { get; init; }
}

public sealed record BlockResize
{
    public string? Device { get; init; }

    public string? NodeName { get; init; }

    public required long Size { get; init; }
}

public sealed record DirtyBitmap
{
    public required string Node { get; init; }

    public required string Name { get; init; }
}

[QapiAlternate(typeof(string), typeof(DirtyBitmap))]
[JsonConverter(typeof(QapiUnionConverter<BlockDirtyBitmapOrStr>))]
public sealed record BlockDirtyBitmapOrStr(JsonElement Json) : IQapiUnion<BlockDirtyBitmapOrStr>
{
    public static BlockDirtyBitmapOrStr From(JsonElement json) => new(json);
}

public sealed record NbdExportOptions
{
    public string? Name { get; init; }

    public IReadOnlyList<BlockDirtyBitmapOrStr>? Bitmaps { get; init; }
}

[JsonConverter(typeof(QapiUnionConverter<ExportOptions>))]
[QapiExtensible(QapiExtension.BlockExportOptions)]
public sealed record ExportOptions(JsonElement Json) : IQapiUnion<ExportOptions>
{
    public static ExportOptions From(JsonElement json) => new(json);
}

public sealed record Text
{
    public required string Value { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(NullOptions))]
[JsonSerializable(typeof(FileOptions))]
[JsonSerializable(typeof(Qcow2Options))]
[JsonSerializable(typeof(OverlapCheckFlags))]
[JsonSerializable(typeof(NbdOptions))]
[JsonSerializable(typeof(QuorumOptions))]
[JsonSerializable(typeof(NbdServerStart))]
[JsonSerializable(typeof(BlockResize))]
[JsonSerializable(typeof(BlockdevOptions))]
[JsonSerializable(typeof(ExportOptions))]
[JsonSerializable(typeof(NbdExportOptions))]
[JsonSerializable(typeof(DirtyBitmap))]
[JsonSerializable(typeof(Text))]
public sealed partial class TestJson : JsonSerializerContext;
