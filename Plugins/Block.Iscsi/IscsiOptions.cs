// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Iscsi;

/// <summary>QAPI IscsiTransport.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<IscsiTransport>))]
public enum IscsiTransport
{
    [JsonStringEnumMemberName("tcp")]
    Tcp = 0,

    [JsonStringEnumMemberName("iser")]
    Iser = 1,
}

/// <summary>QAPI IscsiHeaderDigest: which digests are offered, the preferred one first.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<IscsiHeaderDigest>))]
public enum IscsiHeaderDigest
{
    [JsonStringEnumMemberName("crc32c")]
    Crc32C = 0,

    [JsonStringEnumMemberName("none")]
    None = 1,

    [JsonStringEnumMemberName("crc32c-none")]
    Crc32CNone = 2,

    [JsonStringEnumMemberName("none-crc32c")]
    NoneCrc32C = 3,
}

/// <summary>The hash that CHAP uses.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<IscsiChapHash>))]
public enum IscsiChapHash
{
    [JsonStringEnumMemberName("md5")]
    Md5 = 5,

    [JsonStringEnumMemberName("sha1")]
    Sha1 = 6,

    [JsonStringEnumMemberName("sha256")]
    Sha256 = 7,
}

/// <summary>QAPI BlockdevOptionsIscsi.</summary>
public sealed record IscsiOptions
{
    public required IscsiTransport Transport { get; init; }

    /// <summary>HOST[:PORT].</summary>
    public required string Portal { get; init; }

    /// <summary>The target's iqn.</summary>
    public required string Target { get; init; }

    /// <summary>Default: 0.</summary>
    public int? Lun { get; init; }

    /// <summary>For CHAP.</summary>
    public string? User { get; init; }

    /// <summary>A secret's id.</summary>
    public string? PasswordSecret { get; init; }

    /// <summary>What a URL can hold; QMP has no such member.</summary>
    [QapiLegacy]
    public string? Password { get; init; }

    /// <summary>This side's iqn. Default: iqn.2008-11.org.linux-kvm.</summary>
    public string? InitiatorName { get; init; }

    /// <summary>Default: none-crc32c.</summary>
    public IscsiHeaderDigest? HeaderDigest { get; init; }

    /// <summary>
    /// Seconds that the target may work on a request, which is aborted then and tried again; 0: any time. Default: 60, and any
    /// time for a flush.
    /// </summary>
    public int? Timeout { get; init; }

    /// <summary>Further ways to the same disk, HOST[:PORT] each, for when one is lost.</summary>
    [JsonPropertyName("x-blockhost-portals")]
    [QapiFeature("unstable")]
    public IReadOnlyList<string>? Portals { get; init; }

    /// <summary>The name by which the target has to log in to this side.</summary>
    [JsonPropertyName("x-blockhost-target-user")]
    [QapiFeature("unstable")]
    public string? TargetUser { get; init; }

    /// <summary>A secret's id: the password by which the target has to.</summary>
    [JsonPropertyName("x-blockhost-target-password-secret")]
    [QapiFeature("unstable")]
    public string? TargetPasswordSecret { get; init; }

    /// <summary>Default: md5, the only one that every target knows.</summary>
    [JsonPropertyName("x-blockhost-chap-hash")]
    [QapiFeature("unstable")]
    public IscsiChapHash? ChapHash { get; init; }

    /// <summary>Of data, as "header-digest" of headers. Default: none.</summary>
    [JsonPropertyName("x-blockhost-data-digest")]
    [QapiFeature("unstable")]
    public IscsiHeaderDigest? DataDigest { get; init; }

    /// <summary>Operation codes of SCSI commands that may be passed to the disk beside those that only ask.</summary>
    [JsonPropertyName("x-blockhost-scsi-commands")]
    [QapiFeature("unstable")]
    public IReadOnlyList<byte>? ScsiCommands { get; init; }

    /// <summary>
    /// Seconds for which requests wait for a new connection when one is lost; 0: they fail. Default: 30.
    /// </summary>
    [JsonPropertyName("x-blockhost-retry-time")]
    [QapiFeature("unstable")]
    public uint? RetryTime { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IscsiOptions))]
internal sealed partial class IscsiJson : JsonSerializerContext;
