// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Export.VhostUserBlk;

/// <summary>Options of block-export-add for type "vhost-user-blk", beside the common ones.</summary>
public sealed record VhostUserBlkOptions
{
    /// <summary>Where front-ends connect: "unix" or "fd".</summary>
    [JsonPropertyName("addr")]
    public required SocketAddress Address { get; init; }

    /// <summary>In bytes, a power of two; 512 where it is not given, or 0.</summary>
    public ulong? LogicalBlockSize { get; init; }

    /// <summary>How many rings a guest may use; default 1.</summary>
    public ushort? NumQueues { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(VhostUserBlkOptions))]
internal sealed partial class VhostUserBlkJson : JsonSerializerContext;
