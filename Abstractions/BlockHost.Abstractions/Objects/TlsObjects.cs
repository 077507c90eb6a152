// SPDX-License-Identifier: MIT
using System.Net.Security;
using System.Security.Authentication;
using BlockHost.Block;

namespace BlockHost.Objects;

/// <summary>What everybody does who encrypts a connection with credentials that options name; QEMU's texts.</summary>
public static class TlsObjects
{
    /// <exception cref="BlockException">There are no such credentials, or they are for the other side.</exception>
    public static ITlsCredentials RequireTls(this IUserObjects objects, string id, bool isServer)
    {
        if (!objects.TryGet<ITlsCredentials>(id, out var credentials))
            throw Invalid(objects.TryGet<object>(id, out _)
                ? $"Object with id '{id}' is not TLS credentials"
                : $"No TLS credentials with id '{id}'");
        return credentials.IsServer == isServer
            ? credentials
            : throw Invalid($"Expected TLS credentials for a {(isServer ? "server" : "client")} endpoint");
    }

    /// <summary>
    /// A client's options. Where the server's certificate is looked at and no name is known that it should have, the server is
    /// refused when all else about it is right.
    /// </summary>
    public static SslClientAuthenticationOptions CreateNamedClientOptions(this ITlsCredentials credentials, string? hostName)
    {
        var options = credentials.CreateClientOptions(hostName);
        if (hostName is not null || !credentials.VerifyPeer)
            return options;
        var accepts = options.RemoteCertificateValidationCallback;
        options.RemoteCertificateValidationCallback = (sender, certificate, chain, errors) =>
            accepts?.Invoke(sender, certificate, chain, errors) == false
                ? false
                : throw new AuthenticationException("No hostname for certificate validation");
        return options;
    }

    /// <summary>
    /// Whether an object "authz-*" lets a peer in. It is looked up each time, as it may come, change and go; without it nobody is
    /// let in.
    /// </summary>
    /// <param name="id">Null: everybody is.</param>
    public static bool IsAllowed(this IUserObjects objects, string? id, string peer) =>
        id is null || (objects.TryGet<IAuthorization>(id, out var authorization) && authorization.IsAllowed(peer));

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
