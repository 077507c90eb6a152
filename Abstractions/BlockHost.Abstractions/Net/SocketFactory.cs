// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BlockHost.Block;

namespace BlockHost.Net;

/// <summary>
/// Listens on and connects to a <see cref="SocketAddress"/>; errors are <see cref="BlockException"/>s with QEMU's text.
/// </summary>
public static class SocketFactory
{
    private const int MaxUnixPath = 107;
    private const int SolSocket = 1;
    private const int SoReuseAddr = 2;

    /// <summary>A listening socket. A left-over Unix socket file at the path is replaced.</summary>
    public static Socket Listen(SocketAddress address, int backlog = 64) => address switch
    {
        UnixSocketAddress unix => ListenUnix(unix, backlog),
        InetSocketAddress inet => ListenInet(inet, backlog),
        FdSocketAddress fd => FromDescriptor(fd),
        _ =>
            throw new BlockException(
                BlockErrorKind.NotSupported,
                $"Failed to bind socket to {SocketAddressText.Describe(address)}: Address family not supported by protocol"),
    };

    /// <summary>Listening sockets on every address that a host name stands for, all on one port; or none and an error.</summary>
    public static IReadOnlyList<Socket> ListenAll(SocketAddress address, int backlog = 64)
    {
        if (address is not InetSocketAddress inet)
        {
            var socket = Listen(address, backlog);
            if (address is FdSocketAddress)
                socket.Listen(backlog);
            return [socket];
        }

        var endPoints = Resolve(inet, passive: true);
        var first = endPoints[0].Port;
        for (var port = first; ; port++)
        {
            if (TryListen(endPoints, port, backlog, out var error) is { } sockets)
                return sockets;
            if (port >= Math.Max(first, inet.To ?? first))
                throw ListenError(error!, inet);
        }
    }

    public static async ValueTask<Socket> ConnectAsync(SocketAddress address, CancellationToken cancellationToken)
    {
        if (address is FdSocketAddress fd)
            return FromDescriptor(fd);
        if (address is UnixSocketAddress { Path: "" })
            throw NotConnected(address, "Connection refused");
        EndPoint[] endPoints = address switch
        {
            UnixSocketAddress unix => [UnixEndPoint(unix)],
            InetSocketAddress inet => await ResolveAsync(inet, cancellationToken).ConfigureAwait(false),
            _ => throw NotConnected(address, "Address family not supported by protocol"),
        };
        SocketException? last = null;
        foreach (var endPoint in endPoints)
        {
            var socket = New(endPoint);
            try
            {
                await socket.ConnectAsync(endPoint, cancellationToken).ConfigureAwait(false);
                return Tune(socket, address);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                last = e;
            }
            catch (OperationCanceledException)
            {
                socket.Dispose();
                throw;
            }
        }

        throw NotConnected(address, SocketAddressText.Describe(last!, address));
    }

    private static BlockException NotConnected(SocketAddress address, string reason)
    {
        var name = address is InetSocketAddress inet ? $"{inet.Host}:{inet.Port}" : SocketAddressText.Describe(address);
        return new BlockException(BlockErrorKind.Io, $"Failed to connect to '{name}': {reason}");
    }

    private static Socket ListenUnix(UnixSocketAddress address, int backlog)
    {
        var endPoint = UnixEndPoint(address);
        var socket = New(endPoint);
        try
        {
            if (address.Abstract is not true)
                File.Delete(address.Path);
            socket.Bind(endPoint);
            if (address.Abstract is not true)
                ShowPrivacy(address.Path);
            socket.Listen(backlog);
            return socket;
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            socket.Dispose();
            throw new BlockException(
                BlockErrorKind.Io, $"Failed to bind socket to {address.Path}: {Reason(e, address)}", innerException: e);
        }
    }

    /// <summary>A socket that the process's umask leaves to its user alone is 0600, as a private file is.</summary>
    private static void ShowPrivacy(string path)
    {
        const UnixFileMode user = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        if (OperatingSystem.IsWindows())
            return;
        if (File.GetUnixFileMode(path) == (user | UnixFileMode.UserExecute))
            File.SetUnixFileMode(path, user);
    }

    private static string Reason(Exception error, SocketAddress address) => error switch
    {
        SocketException socket => SocketAddressText.Describe(socket, address),
        DirectoryNotFoundException => "No such file or directory",
        UnauthorizedAccessException => "Permission denied",
        _ => error.Message,
    };

    private static List<Socket>? TryListen(IPEndPoint[] endPoints, int port, int backlog, out SocketException? error)
    {
        var sockets = new List<Socket>();
        error = null;
        foreach (var endPoint in endPoints)
        {
            try
            {
                // A port of the system's choice is the same for every address of the host.
                var actual = port == 0 && sockets.Count > 0 ? ((IPEndPoint)sockets[0].LocalEndPoint!).Port : port;
                sockets.Add(ListenOn(new IPEndPoint(endPoint.Address, actual), backlog, dualMode: false));
            }
            catch (SocketException e)
            {
                sockets.ForEach(socket => socket.Dispose());
                error = e;
                return null;
            }
        }

        return sockets;
    }

    private static Socket ListenOn(IPEndPoint endPoint, int backlog, bool dualMode)
    {
        var socket = New(endPoint);
        try
        {
            // The runtime's ReuseAddress is SO_REUSEPORT too, which would let two servers share the port.
            socket.SetRawSocketOption(SolSocket, SoReuseAddr, BitConverter.GetBytes(1));
            if (endPoint.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = dualMode;
            socket.Bind(endPoint);
            socket.Listen(backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static BlockException ListenError(SocketException error, InetSocketAddress address)
    {
        var what = error.SocketErrorCode == SocketError.AddressAlreadyInUse
            ? "Failed to find an available port"
            : "Failed to bind socket";
        return new BlockException(
            BlockErrorKind.Io, $"{what}: {SocketAddressText.Describe(error, address)}", innerException: error);
    }

    private static Socket ListenInet(InetSocketAddress address, int backlog)
    {
        var endPoints = Resolve(address, passive: true);
        SocketException? last = null;
        var first = endPoints[0].Port;
        for (var port = first; port <= Math.Max(first, address.To ?? first); port++)
        {
            foreach (var endPoint in endPoints)
            {
                try
                {
                    return ListenOn(new IPEndPoint(endPoint.Address, port), backlog, dualMode: address.Ipv4 ?? true);
                }
                catch (SocketException e)
                {
                    last = e;
                }
            }
        }

        throw ListenError(last!, address);
    }

    private static IPEndPoint[] Resolve(InetSocketAddress address, bool passive)
    {
        if (Known(address, passive) is { } known)
            return Usable(address, known);
        try
        {
            return Usable(address, Dns.GetHostAddresses(address.Host));
        }
        catch (SocketException e)
        {
            throw NotResolved(address, SocketAddressText.Describe(e, address));
        }
    }

    /// <summary>A name server may take its time: nobody has to wait for it longer than he wants.</summary>
    private static async ValueTask<IPEndPoint[]> ResolveAsync(InetSocketAddress address, CancellationToken cancellationToken)
    {
        if (Known(address, passive: false) is { } known)
            return Usable(address, known);
        try
        {
            var found = await Dns.GetHostAddressesAsync(
                address.Host, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
            return Usable(address, found);
        }
        catch (SocketException e)
        {
            throw NotResolved(address, SocketAddressText.Describe(e, address));
        }
    }

    /// <summary>Addresses that no name server has to be asked for.</summary>
    private static IPAddress[]? Known(InetSocketAddress address, bool passive) =>
        IPAddress.TryParse(address.Host, out var numeric) ? [numeric]
            : address.Host.Length > 0 ? null
            : passive ? [IPAddress.IPv6Any, IPAddress.Any] : [IPAddress.IPv6Loopback, IPAddress.Loopback];

    private static IPEndPoint[] Usable(InetSocketAddress address, IPAddress[] found)
    {
        if (!ushort.TryParse(address.Port, NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            throw NotResolved(address, "Servname not supported for ai_socktype");
        var usable = found.Where(ip => IsWanted(ip.AddressFamily, address)).Select(ip => new IPEndPoint(ip, port)).ToArray();
        return usable.Length > 0 ? usable : throw NotResolved(address, "Address family for hostname not supported");
    }

    private static BlockException NotResolved(InetSocketAddress address, string reason) =>
        new(BlockErrorKind.Io, $"address resolution failed for {address.Host}:{address.Port}: {reason}");

    // Naming one family excludes the other, as "ipv4=on" does in QEMU.
    private static bool IsWanted(AddressFamily family, InetSocketAddress address) => family switch
    {
        AddressFamily.InterNetwork => address.Ipv4 ?? address.Ipv6 is not true,
        AddressFamily.InterNetworkV6 => (address.Ipv6 ?? address.Ipv4 is not true) && Socket.OSSupportsIPv6,
        _ => false,
    };

    private static UnixDomainSocketEndPoint UnixEndPoint(UnixSocketAddress address)
    {
        if (System.Text.Encoding.UTF8.GetByteCount(address.Path) > MaxUnixPath)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"UNIX socket path '{address.Path}' is too long")
            { Hint = $"Path must be less than {MaxUnixPath + 1} bytes" };
        if (address.Path.Length == 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, "UNIX socket path must not be empty");
        return new UnixDomainSocketEndPoint(address.Abstract is true ? "\0" + address.Path : address.Path);
    }

    private static Socket FromDescriptor(FdSocketAddress address) =>
        int.TryParse(address.Str, NumberStyles.None, CultureInfo.InvariantCulture, out var descriptor)
            ? new Socket(new SafeSocketHandle(descriptor, ownsHandle: true))
            : throw new BlockException(BlockErrorKind.InvalidArgument, $"Unable to parse FD number {address.Str}");

    private static Socket New(EndPoint endPoint) => new(
        endPoint.AddressFamily,
        SocketType.Stream,
        endPoint.AddressFamily == AddressFamily.Unix ? ProtocolType.Unspecified : ProtocolType.Tcp);

    private static Socket Tune(Socket socket, SocketAddress address)
    {
        if (address is InetSocketAddress inet)
        {
            socket.NoDelay = true;
            if (inet.KeepAlive is true)
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        }

        return socket;
    }
}
