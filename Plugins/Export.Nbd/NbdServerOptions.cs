// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Net;

namespace BlockHost.Plugins.Export.Nbd;

/// <summary>Arguments of nbd-server-start.</summary>
public sealed record NbdServerOptions
{
    [JsonPropertyName("addr")]
    public required SocketAddressLegacy Address { get; init; }

    /// <summary>More addresses to listen at; QEMU has no such member.</summary>
    public IReadOnlyList<SocketAddressLegacy>? Also { get; init; }

    /// <summary>Id of a tls-creds object; clients must then use TLS.</summary>
    [JsonPropertyName("tls-creds")]
    public string? TlsCredentials { get; init; }

    /// <summary>Id of an authz object that judges the distinguished names of client certificates.</summary>
    [JsonPropertyName("tls-authz")]
    public string? TlsAuthorization { get; init; }

    /// <summary>Default 100; 0: any number.</summary>
    public uint? MaxConnections { get; init; }
}

/// <summary>Arguments of nbd-server-add.</summary>
public sealed record NbdServerAddOptions
{
    /// <summary>Device or node name.</summary>
    public required string Device { get; init; }

    /// <summary>Export name and id; default: the device.</summary>
    public string? Name { get; init; }

    public string? Description { get; init; }

    public bool? Writable { get; init; }

    public string? Bitmap { get; init; }
}

/// <summary>Arguments of nbd-server-remove.</summary>
public sealed record NbdServerRemoveOptions
{
    /// <summary>Id of the export.</summary>
    public required string Name { get; init; }

    public RemoveMode? Mode { get; init; }
}

/// <summary>QAPI BlockExportRemoveMode.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RemoveMode>))]
public enum RemoveMode
{
    [JsonStringEnumMemberName("safe")]
    Safe = 0,

    [JsonStringEnumMemberName("hard")]
    Hard = 1,
}
