// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Ssh;

/// <summary>QAPI SshHostKeyCheckHashType.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SshHostKeyCheckHashType>))]
public enum SshHostKeyCheckHashType
{
    [JsonStringEnumMemberName("md5")]
    Md5 = 0,

    [JsonStringEnumMemberName("sha1")]
    Sha1 = 1,

    [JsonStringEnumMemberName("sha256")]
    Sha256 = 2,
}

/// <summary>QAPI SshHostKeyCheck, by "mode".</summary>
[JsonPolymorphic(
    TypeDiscriminatorPropertyName = "mode", UnknownDerivedTypeHandling = JsonUnknownDerivedTypeHandling.FailSerialization)]
[JsonDerivedType(typeof(SshNoHostKeyCheck), "none")]
[JsonDerivedType(typeof(SshHostKeyHash), "hash")]
[JsonDerivedType(typeof(SshKnownHosts), "known_hosts")]
public abstract record SshHostKeyCheck;

public sealed record SshNoHostKeyCheck : SshHostKeyCheck;

public sealed record SshKnownHosts : SshHostKeyCheck;

public sealed record SshHostKeyHash : SshHostKeyCheck
{
    public required SshHostKeyCheckHashType Type { get; init; }

    /// <summary>Hexadecimal digits, with colons between bytes or without.</summary>
    public required string Hash { get; init; }
}

/// <summary>QAPI BlockdevOptionsSsh.</summary>
public sealed record SshOptions
{
    public required InetSocketAddress Server { get; init; }

    /// <summary>Of the file, on the server.</summary>
    public required string Path { get; init; }

    /// <summary>Default: what the configuration of ssh says, or who runs this.</summary>
    public string? User { get; init; }

    /// <summary>Default: known_hosts.</summary>
    public SshHostKeyCheck? HostKeyCheck { get; init; }

    /// <summary>A configuration file of ssh's in place of the user's: identities, known hosts, jump hosts.</summary>
    [JsonPropertyName("x-blockhost-config")]
    [QapiFeature("unstable")]
    public string? Config { get; init; }

    /// <summary>
    /// Seconds for which a request is tried again over new connections; 0: it fails with its connection. Default: 30.
    /// </summary>
    [JsonPropertyName("x-blockhost-retry-time")]
    [QapiFeature("unstable")]
    public uint? RetryTime { get; init; }
}

/// <summary>QAPI BlockdevCreateOptionsSsh.</summary>
public sealed record SshCreateOptions
{
    public required SshOptions Location { get; init; }

    public required ulong Size { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SshOptions))]
[JsonSerializable(typeof(SshCreateOptions))]
internal sealed partial class SshJson : JsonSerializerContext;
