// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Qcow;

/// <summary>QAPI BlockdevOptionsQcow.</summary>
public sealed record QcowOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>In place of the backing file that the image names.</summary>
    public BlockdevRefOrNull? Backing { get; init; }

    public BlockdevQcowEncryption? Encrypt { get; init; }

    /// <summary>encrypt.key-secret of command lines, which leave the format to the header.</summary>
    [QapiLegacy]
    public string? EncryptKeySecret { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<BlockdevQcowEncryptionFormat>))]
public enum BlockdevQcowEncryptionFormat
{
    [JsonStringEnumMemberName("aes")]
    Aes = 0,
}

/// <summary>QAPI BlockdevQcowEncryption.</summary>
public sealed record BlockdevQcowEncryption
{
    public required BlockdevQcowEncryptionFormat Format { get; init; }

    public string? KeySecret { get; init; }
}

/// <summary>QAPI BlockdevCreateOptionsQcow, and what <c>create -o</c> takes besides.</summary>
public sealed record QcowCreateOptions
{
    public required BlockdevRef File { get; init; }

    /// <summary>Bytes; rounded up to whole sectors.</summary>
    public required long Size { get; init; }

    public string? BackingFile { get; init; }

    /// <summary>The image has no room for it.</summary>
    [QapiExtensible(QapiExtension.BlockdevDriver)]
    public string? BackingFmt { get; init; }

    public QcowCreateEncryption? Encrypt { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<QcowCreateEncryptionFormat>))]
public enum QcowCreateEncryptionFormat
{
    [JsonStringEnumMemberName("qcow")]
    Qcow = 0,

    [JsonStringEnumMemberName("luks")]
    Luks = 1,

    /// <summary>As the tools say it.</summary>
    [JsonStringEnumMemberName("aes")]
    Aes = 2,
}

/// <summary>QAPI QCryptoBlockCreateOptions, as far as this format has it.</summary>
public sealed record QcowCreateEncryption
{
    public required QcowCreateEncryptionFormat Format { get; init; }

    public string? KeySecret { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(QcowOptions))]
[JsonSerializable(typeof(QcowCreateOptions))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class QcowJson : JsonSerializerContext;
