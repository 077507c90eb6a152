// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Plugins.Block.Rbd.Naming;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Rbd;

/// <summary>QAPI RbdAuthMode.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RbdAuthMode>))]
public enum RbdAuthMode
{
    [JsonStringEnumMemberName("cephx")]
    Cephx = 0,

    [JsonStringEnumMemberName("none")]
    None = 1,
}

/// <summary>QAPI InetSocketAddressBase.</summary>
public sealed record InetSocketAddressBase
{
    public required string Host { get; init; }

    public required string Port { get; init; }
}

/// <summary>QAPI BlockdevOptionsRbd.</summary>
public sealed record RbdOptions
{
    public required string Pool { get; init; }

    /// <summary>Within the pool; default: the one without a name.</summary>
    public string? Namespace { get; init; }

    public required string Image { get; init; }

    /// <summary>A configuration file of Ceph's; default: where Ceph looks for it.</summary>
    public string? Conf { get; init; }

    /// <summary>The image as it was when this snapshot was taken, for reading only.</summary>
    public string? Snapshot { get; init; }

    /// <summary>The image is encrypted, and this opens it.</summary>
    public RbdEncryptionOptions? Encrypt { get; init; }

    /// <summary>Without "client."; default: admin.</summary>
    public string? User { get; init; }

    public IReadOnlyList<RbdAuthMode>? AuthClientRequired { get; init; }

    /// <summary>Id of a secret: the user's key. Default: what the configuration says.</summary>
    public string? KeySecret { get; init; }

    /// <summary>The cluster's monitors; default: what the configuration says.</summary>
    public IReadOnlyList<InetSocketAddressBase>? Server { get; init; }

    /// <summary>
    /// Seconds after which opening or a request fails that has no answer; 0: never. Default: 300 for opening, never for requests,
    /// as Ceph waits until it works again.
    /// </summary>
    [JsonPropertyName("x-blockhost-timeout")]
    [QapiFeature("unstable")]
    public uint? Timeout { get; init; }

    /// <summary>Options of Ceph's that file names may have: a JSON list of names and values by turns.</summary>
    [JsonPropertyName(RbdOptionText.KeyValuePairs)]
    [QapiLegacy]
    public string? KeyValuePairs { get; init; }
}

/// <summary>QAPI ImageInfoSpecificRbd.</summary>
[QapiName("ImageInfoSpecificRbd")]
public sealed record RbdInfo
{
    /// <summary>The image begins with a header of this, and was opened without its key.</summary>
    public RbdImageEncryptionFormat? EncryptionFormat { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RbdOptions))]
[JsonSerializable(typeof(RbdCreateOptions))]
[JsonSerializable(typeof(RbdInfo))]
[JsonSerializable(typeof(string[]))]
internal sealed partial class RbdJson : JsonSerializerContext;
