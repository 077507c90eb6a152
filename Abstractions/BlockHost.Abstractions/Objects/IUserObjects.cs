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

/// <summary>
/// Object "iothread": a thread of its own for those that are told its name. Who holds it may use it after the object is deleted.
/// </summary>
public interface IIoThread
{
    /// <summary>How long a loop may look for work before it sleeps; zero: not at all. Changes at any time.</summary>
    TimeSpan MaxPolling { get; }

    /// <summary>
    /// Has the thread run <paramref name="loop"/> until that returns; false: it runs another one, or the object is gone.
    /// </summary>
    bool TryRun(Action loop);
}

/// <summary>Objects "authz-*".</summary>
public interface IAuthorization
{
    bool IsAllowed(string identity);
}
