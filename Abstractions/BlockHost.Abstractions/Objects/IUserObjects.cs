// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Net.Security;

namespace BlockHost.Objects;

/// <summary>Objects made by object-add, by id.</summary>
public interface IUserObjects
{
    bool TryGet<T>(string id, [NotNullWhen(true)] out T? found)
        where T : class;
}

/// <summary>Object "secret".</summary>
public interface ISecret
{
    /// <summary>The decoded secret; may be binary.</summary>
    ReadOnlyMemory<byte> Data { get; }
}

/// <summary>Objects "tls-creds-*".</summary>
public interface ITlsCredentials
{
    bool IsServer { get; }

    /// <summary>Peers must show a valid certificate.</summary>
    bool VerifyPeer { get; }

    SslServerAuthenticationOptions CreateServerOptions();

    SslClientAuthenticationOptions CreateClientOptions(string? hostName);
}

/// <summary>Objects "authz-*".</summary>
public interface IAuthorization
{
    bool IsAllowed(string identity);
}
