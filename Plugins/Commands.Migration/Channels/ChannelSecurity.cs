// SPDX-License-Identifier: MIT
using System.Net.Security;
using System.Security.Authentication;
using BlockHost.Block;
using BlockHost.Objects;
using BlockHost.Plugins.Commands.Migration.Types;

namespace BlockHost.Plugins.Commands.Migration.Channels;

/// <summary>Encrypts a channel where the parameters name credentials; QEMU's texts.</summary>
internal sealed class ChannelSecurity(IUserObjects objects, MigrationParameters parameters)
{
    /// <param name="host">Whom the channel was opened to; null: it has no name.</param>
    /// <exception cref="BlockException">There are no such credentials, or the other side is not who it should be.</exception>
    public ValueTask<MigrationChannel> AsClientAsync(MigrationChannel channel, string? host, CancellationToken cancellationToken)
    {
        var name = parameters.TlsHostname is { Length: > 0 } given ? given : host;
        return SecureAsync(channel, isServer: false, (stream, credentials, token) =>
            stream.AuthenticateAsClientAsync(credentials.CreateNamedClientOptions(name), token), cancellationToken);
    }

    /// <inheritdoc cref="AsClientAsync"/>
    public ValueTask<MigrationChannel> AsServerAsync(MigrationChannel channel, CancellationToken cancellationToken) =>
        SecureAsync(channel, isServer: true, async (stream, credentials, token) =>
        {
            await stream.AuthenticateAsServerAsync(credentials.CreateServerOptions(), token).ConfigureAwait(false);
            var peer = PeerName.Of(stream.RemoteCertificate);
            if (parameters.TlsAuthz is { Length: > 0 } id && !objects.IsAllowed(id, peer))
                throw Refused($"TLS x509 authz check for {peer} is denied");
        }, cancellationToken);

    /// <returns>Owns <paramref name="channel"/>, which is closed where it fails.</returns>
    private async ValueTask<MigrationChannel> SecureAsync(
        MigrationChannel channel,
        bool isServer,
        Func<SslStream, ITlsCredentials, CancellationToken, Task> shakeHands,
        CancellationToken cancellationToken)
    {
        if (parameters.TlsCreds is not { Length: > 0 } id)
            return channel;
        try
        {
            var credentials = objects.RequireTls(id, isServer);
            if (channel is not SocketChannel plain)
                throw Refused("Migration over TLS takes a socket: commands and files have none");
            var stream = new SslStream(plain.Stream);
            await shakeHands(stream, credentials, cancellationToken).ConfigureAwait(false);
            return new SecureChannel(plain.Socket, stream);
        }
        catch (Exception e)
        {
            await channel.DisposeAsync().ConfigureAwait(false);
            throw e switch
            {
                BlockException => e,
                AuthenticationException => Refused(e.Message),
                IOException => Refused($"TLS handshake failed: {e.Message}"),
                _ => e,
            };
        }
    }

    private static BlockException Refused(string message) => new(BlockErrorKind.PermissionDenied, message);
}
