// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Encryption;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Qcow2;

[JsonConverter(typeof(JsonStringEnumConverter<BlockdevQcow2Version>))]
public enum BlockdevQcow2Version
{
    [JsonStringEnumMemberName("v2")]
    V2 = 2,

    [JsonStringEnumMemberName("v3")]
    V3 = 3,
}

[JsonConverter(typeof(JsonStringEnumConverter<Qcow2CompressionType>))]
public enum Qcow2CompressionType
{
    [JsonStringEnumMemberName("zlib")]
    Zlib = 0,

    [JsonStringEnumMemberName("zstd")]
    Zstd = 1,
}

/// <summary>Options to make an image with (QAPI BlockdevCreateOptionsQcow2).</summary>
public sealed record Qcow2CreateOptions
{
    public required BlockdevRef File { get; init; }

    public BlockdevRef? DataFile { get; init; }

    public bool? DataFileRaw { get; init; }

    public bool? ExtendedL2 { get; init; }

    /// <summary>Virtual size in bytes; rounded up to 512.</summary>
    public required long Size { get; init; }

    public BlockdevQcow2Version? Version { get; init; }

    public string? BackingFile { get; init; }

    [QapiExtensible(QapiExtension.BlockdevDriver)]
    public string? BackingFmt { get; init; }

    public Qcow2EncryptionCreation? Encrypt { get; init; }

    public long? ClusterSize { get; init; }

    public PreallocationMode? Preallocation { get; init; }

    public bool? LazyRefcounts { get; init; }

    public long? RefcountBits { get; init; }

    public Qcow2CompressionType? CompressionType { get; init; }
}
