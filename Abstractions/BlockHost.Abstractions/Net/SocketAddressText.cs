// SPDX-License-Identifier: MIT
using System.Net.Sockets;

namespace BlockHost.Net;

/// <summary>Addresses and socket errors in the words QEMU's clients know.</summary>
public static class SocketAddressText
{
    /// <summary>"/path" of a Unix socket, "host:port" of an internet one.</summary>
    public static string Describe(SocketAddress address) => address switch
    {
        UnixSocketAddress unix => unix.Path,
        InetSocketAddress inet => inet.Host.Contains(':') ? $"[{inet.Host}]:{inet.Port}" : $"{inet.Host}:{inet.Port}",
        VsockSocketAddress vsock => $"{vsock.Cid}:{vsock.Port}",
        FdSocketAddress fd => fd.Str,
        _ => address.ToString(),
    };

    /// <summary>strerror(3) of an error on <paramref name="address"/>.</summary>
    public static string Describe(SocketException error, SocketAddress address) => error.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "Address already in use",
        SocketError.AddressNotAvailable =>
            address is UnixSocketAddress ? "No such file or directory" : "Cannot assign requested address",
        SocketError.ConnectionRefused => "Connection refused",
        SocketError.AccessDenied => "Permission denied",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => "Name or service not known",
        SocketError.TimedOut => "Connection timed out",
        SocketError.HostUnreachable => "No route to host",
        SocketError.NetworkUnreachable => "Network is unreachable",
        _ => error.Message,
    };
}
