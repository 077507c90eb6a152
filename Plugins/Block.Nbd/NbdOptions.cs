// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Nbd;

/// <summary>QAPI BlockdevOptionsNbd.</summary>
public sealed record NbdOptions
{
    public required SocketAddress Server { get; init; }

    public string? Export { get; init; }

    /// <summary>Id of TLS credentials.</summary>
    public string? TlsCreds { get; init; }

    /// <summary>Name that the server's certificate must bear, where it is not the host's.</summary>
    public string? TlsHostname { get; init; }

    /// <summary>
    /// A metadata context that stands in for base:allocation, such as "qemu:dirty-bitmap:b": what is dirty shows as "data":
    /// false.
    /// </summary>
    [JsonPropertyName("x-dirty-bitmap")]
    [QapiFeature("unstable")]
    public string? DirtyBitmap { get; init; }

    /// <summary>Seconds for which requests wait for a lost connection to come back; 0: they fail at once.</summary>
    public uint ReconnectDelay { get; init; }

    /// <summary>
    /// Connections at the most, 1 to 16. There is one, and more only while a server that allows it (NBD_FLAG_CAN_MULTI_CONN) has
    /// a queue on each that is deeper than it works on at once.
    /// </summary>
    [JsonPropertyName("x-blockhost-connections")]
    [QapiFeature("unstable")]
    public uint? Connections { get; init; }

    /// <summary>Seconds for which opening tries to connect; 0: once.</summary>
    public uint OpenTimeout { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(NbdOptions))]
internal sealed partial class NbdJson : JsonSerializerContext;
