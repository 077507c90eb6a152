// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Block;
using BlockHost.Nbd;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>A connection whose handshake is over.</summary>
internal sealed record Connected(Socket Socket, Stream Stream, NbdSession Session) : IDisposable
{
    public void Dispose()
    {
        Stream.Dispose();
        Socket.Dispose();
    }
}

/// <summary>Connects to an export.</summary>
internal static class Connector
{
    /// <exception cref="BlockException">The server cannot be reached, or refuses.</exception>
    public static async Task<Connected> ConnectAsync(NbdSettings settings, CancellationToken cancellationToken)
    {
        var socket = await OpenAsync(settings.Server, cancellationToken).ConfigureAwait(false);
        var handshake = new NbdHandshake(new NetworkStream(socket, ownsSocket: false));
        try
        {
            await handshake.GreetAsync(cancellationToken).ConfigureAwait(false);
            if (settings.Tls is { } tls)
                await handshake.StartTlsAsync(tls(), cancellationToken).ConfigureAwait(false);
            var session = await handshake.EnterAsync(
                settings.Export, settings.Context, simple: false, cancellationToken).ConfigureAwait(false);
            return new(socket, handshake.Stream, session);
        }
        catch
        {
            await handshake.Stream.DisposeAsync().ConfigureAwait(false);
            socket.Dispose();
            throw;
        }
    }

    private static async ValueTask<Socket> OpenAsync(SocketAddress address, CancellationToken cancellationToken)
    {
        try
        {
            return await SocketFactory.ConnectAsync(address, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException e) when (address is FdSocketAddress fd)
        {
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"File descriptor '{fd.Str}' is not a socket", innerException: e);
        }
    }
}
