// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using BlockHost.Block;
using BlockHost.Net;
using BlockHost.Qmp;
using SocketAddress = BlockHost.Net.SocketAddress;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>Opens listening sockets for QAPI socket addresses, with QEMU's error texts.</summary>
internal static class ListenerFactory
{
    private const int Backlog = 128;

    /// <summary>EADDRNOTAVAIL.</summary>
    private const int AddressNotAvailable = 99;

    /// <summary>All of the addresses, or none.</summary>
    public static async Task<ListenerSet> OpenAsync(IEnumerable<SocketAddress> addresses, CancellationToken cancellationToken)
    {
        var sets = new List<ListenerSet>();
        try
        {
            foreach (var address in addresses)
                sets.Add(await OpenAsync(address, cancellationToken).ConfigureAwait(false));
            return ListenerSet.Join(sets);
        }
        catch
        {
            sets.ForEach(set => set.Close());
            throw;
        }
    }

    public static async Task<ListenerSet> OpenAsync(SocketAddress address, CancellationToken cancellationToken) => address switch
    {
        UnixSocketAddress unix => OpenUnix(unix),
        InetSocketAddress inet => await OpenInetAsync(inet, cancellationToken).ConfigureAwait(false),
        FdSocketAddress fd => OpenDescriptor(fd),
        _ => throw new QmpException("socket family AF_VSOCK unsupported"),
    };

    private static ListenerSet OpenUnix(UnixSocketAddress address)
    {
        var isAbstract = address.Abstract ?? false;
        if (!isAbstract)
            RemoveStale(address.Path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(isAbstract ? "\0" + address.Path : address.Path));
            socket.Listen(Backlog);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new QmpException(QmpErrorClass.GenericError, $"Failed to bind socket to {address.Path}: {Reason(e, Errno.ENOENT)}", e);
        }

        return new ListenerSet([socket], isAbstract ? [] : [address.Path]);
    }

    /// <summary>A socket left over by a dead server would stand in the way for ever.</summary>
    private static void RemoveStale(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // Binding will tell what is wrong, in one place.
        }
    }

    private static async Task<ListenerSet> OpenInetAsync(InetSocketAddress address, CancellationToken cancellationToken)
    {
        if (!ushort.TryParse(address.Port, NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            throw new QmpException($"address resolution failed for {address.Host}:{address.Port}: Servname not supported for ai_socktype");
        var hosts = await ResolveAsync(address, cancellationToken).ConfigureAwait(false);
        SocketException? last = null;
        for (var candidate = (int)port; candidate <= Math.Max(port, address.To ?? port); candidate++)
        {
            if (TryListen(hosts, candidate, out var sockets, out last))
                return new ListenerSet(sockets, []);
        }

        throw new QmpException(QmpErrorClass.GenericError, $"Failed to find an available port: {Reason(last!, AddressNotAvailable)}", last);
    }

    private static async Task<IPAddress[]> ResolveAsync(InetSocketAddress address, CancellationToken cancellationToken)
    {
        IPAddress[] found;
        try
        {
            found = address.Host.Length == 0
                ? [IPAddress.Any, IPAddress.IPv6Any]
                : await Dns.GetHostAddressesAsync(address.Host, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, $"address resolution failed for {address.Host}:{address.Port}: {e.Message}", e);
        }

        var wanted = found.Where(ip => IsWanted(ip, address)).Distinct().ToArray();
        return wanted.Length > 0
            ? wanted
            : throw new QmpException($"address resolution failed for {address.Host}:{address.Port}: Address family for hostname not supported");
    }

    private static bool IsWanted(IPAddress ip, InetSocketAddress address) => ip.AddressFamily == AddressFamily.InterNetworkV6
        ? (address.Ipv6 ?? address.Ipv4 is not true) && Socket.OSSupportsIPv6
        : address.Ipv4 ?? address.Ipv6 is not true;

    /// <summary>All addresses of a host on one port, or none.</summary>
    private static bool TryListen(IPAddress[] hosts, int port, out List<Socket> sockets, out SocketException? error)
    {
        sockets = [];
        error = null;
        foreach (var host in hosts)
        {
            var socket = new Socket(host.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                if (host.AddressFamily == AddressFamily.InterNetworkV6)
                    socket.DualMode = false;
                // A port of the system's choice is the same for every address of the host.
                var actual = port == 0 && sockets.Count > 0 ? ((IPEndPoint)sockets[0].LocalEndPoint!).Port : port;
                socket.Bind(new IPEndPoint(host, actual));
                socket.Listen(Backlog);
                sockets.Add(socket);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                foreach (var opened in sockets)
                    opened.Dispose();
                error = e;
                return false;
            }
        }

        return true;
    }

    private static ListenerSet OpenDescriptor(FdSocketAddress address)
    {
        if (!int.TryParse(address.Str, NumberStyles.None, CultureInfo.InvariantCulture, out var fd))
            throw new QmpException("only QEMU supports file descriptor passing");
        try
        {
            var socket = new Socket(new SafeSocketHandle(fd, ownsHandle: true));
            socket.Listen(Backlog);
            return new ListenerSet([socket], []);
        }
        catch (SocketException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, $"File descriptor '{address.Str}' is not a socket", e);
        }
    }

    /// <summary>.NET has no word of its own for ENOENT, and says that of EADDRNOTAVAIL differently.</summary>
    private static string Reason(Exception e, int errnoOfNotAvailable) => e is SocketException { SocketErrorCode: SocketError.AddressNotAvailable }
        ? Marshal.GetPInvokeErrorMessage(errnoOfNotAvailable)
        : e.Message;
}
