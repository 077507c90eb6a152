// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Tftp;

/// <summary>Options of the driver "tftp", which QEMU has had until 2.8.</summary>
public sealed record TftpOptions
{
    /// <summary>tftp://HOST[:PORT]/FILE.</summary>
    public required string Url { get; init; }

    /// <summary>Bytes of a block that are asked for, 8 to 65464. Default: 1428, which fits into an Ethernet frame.</summary>
    public uint? Blksize { get; init; }

    /// <summary>Blocks that the server may send before it waits for an answer, 1 to 256. Default: 16.</summary>
    public uint? Windowsize { get; init; }

    /// <summary>Seconds after which a packet counts as lost, 1 to 255. Default: 1.</summary>
    public uint? Timeout { get; init; }

    /// <summary>
    /// Seconds for which a request waits for the file to come so far; 0: until the first try fails. Default: 30.
    /// </summary>
    [JsonPropertyName("x-blockhost-retry-time")]
    [QapiFeature("unstable")]
    public uint? RetryTime { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(TftpOptions))]
internal sealed partial class TftpJson : JsonSerializerContext;
