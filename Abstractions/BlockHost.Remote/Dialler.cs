// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;

namespace BlockHost.Remote;

/// <summary>Connects to hosts by name; whoever waits can give up at any time.</summary>
public static class Dialler
{
    /// <exception cref="RemoteFault">In curl's words.</exception>
    public static async ValueTask<Socket> ConnectAsync(string host, int port, CancellationToken cancellationToken)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        Exception? last = null;
        foreach (var address in await ResolveAsync(host, cancellationToken).ConfigureAwait(false))
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, port), cancellationToken).ConfigureAwait(false);
                return socket;
            }
            catch (SocketException e)
            {
                socket.Dispose();
                last = e;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw new RemoteFault(
            $"Failed to connect to {host} port {port} after {clock.ElapsedMilliseconds} ms: Couldn't connect to server",
            mayPass: true, last);
    }

    /// <summary>The addresses of a host, at least one.</summary>
    public static async ValueTask<IPAddress[]> ResolveAsync(string host, CancellationToken cancellationToken)
    {
        if (IPAddress.TryParse(host.Trim('[', ']'), out var literal))
            return [literal];
        try
        {
            var found = await Dns.GetHostAddressesAsync(host, cancellationToken).ConfigureAwait(false);
            return found.Length > 0 ? found : throw NotFound(host, null);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            throw NotFound(host, e);
        }
    }

    private static RemoteFault NotFound(string host, Exception? inner) =>
        new($"Could not resolve host: {host}", mayPass: true, inner);
}
