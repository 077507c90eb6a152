// SPDX-License-Identifier: MIT
using BlockHost.Net;

namespace BlockHost.Core.Chardevs;

/// <summary>What "--chardev" describes.</summary>
public abstract record ChardevOptions(string Id);

/// <summary>A backend that a plugin provides, with its options as they were given.</summary>
public sealed record PluginChardevOptions(string Id, string Backend, IReadOnlyDictionary<string, string> Options)
    : ChardevOptions(Id);

/// <summary>"stdio".</summary>
public sealed record StdioChardevOptions(string Id) : ChardevOptions(Id);

/// <summary>"socket".</summary>
public sealed record SocketChardevOptions(string Id, SocketAddress Address) : ChardevOptions(Id)
{
    public bool Server { get; init; }

    /// <summary>A server's start waits for its first client.</summary>
    public bool Wait { get; init; }

    /// <summary>Seconds until a client that lost its connection tries again; 0: never.</summary>
    public int ReconnectSeconds { get; init; }

    /// <summary>Object "tls-creds-*".</summary>
    public string? TlsCredentials { get; init; }

    /// <summary>Object "authz-*" that a TLS client's identity must pass.</summary>
    public string? TlsAuthorization { get; init; }

    /// <summary>As QEMU prints the address: "unix:/path,server=on".</summary>
    public string Describe()
    {
        var kind = Address is UnixSocketAddress ? "unix" : "tcp";
        return $"{kind}:{SocketAddressText.Describe(Address)}{(Server ? ",server=on" : "")}";
    }
}
