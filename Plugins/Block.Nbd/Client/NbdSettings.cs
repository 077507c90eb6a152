// SPDX-License-Identifier: MIT
using System.Net.Security;
using BlockHost.Net;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>Where an export is and how it is reached.</summary>
internal sealed record NbdSettings
{
    public required SocketAddress Server { get; init; }

    public string Export { get; init; } = "";

    /// <summary>The metadata context whose states are shown.</summary>
    public string Context { get; init; } = BaseAllocation;

    /// <summary>Null: without TLS.</summary>
    public Func<SslClientAuthenticationOptions>? Tls { get; init; }

    public TimeSpan ReconnectDelay { get; init; }

    public TimeSpan OpenTimeout { get; init; }

    /// <summary>Connections at the most; more than one only where the server allows it.</summary>
    public int MaxConnections { get; init; } = 1;

    /// <summary>For messages.</summary>
    public string ServerName => SocketAddressText.Describe(Server);

    public const string BaseAllocation = "base:allocation";
}
