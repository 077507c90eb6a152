// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Net;
using BlockHost.Qmp;
using SocketAddress = BlockHost.Net.SocketAddress;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>Opens the sockets that a server listens on.</summary>
internal static class ListenerFactory
{
    private const int Backlog = 128;

    /// <summary>All of the addresses, or none.</summary>
    /// <exception cref="QmpException">With QEMU's text.</exception>
    public static ListenerSet Open(IEnumerable<SocketAddress> addresses)
    {
        var sets = new List<ListenerSet>();
        try
        {
            foreach (var address in addresses)
                sets.Add(Open(address));
            return ListenerSet.Join(sets);
        }
        catch
        {
            sets.ForEach(set => set.Close());
            throw;
        }
    }

    private static ListenerSet Open(SocketAddress address)
    {
        if (address is VsockSocketAddress)
            throw new QmpException("socket family AF_VSOCK unsupported");
        if (address is FdSocketAddress named && !named.Str.All(char.IsAsciiDigit))
            throw new QmpException("only QEMU supports file descriptor passing");
        try
        {
            return new ListenerSet(
                SocketFactory.ListenAll(address, Backlog),
                address is UnixSocketAddress { Abstract: not true } unix ? [unix.Path] : []);
        }
        catch (SocketException e) when (address is FdSocketAddress fd)
        {
            throw new QmpException(QmpErrorClass.GenericError, $"File descriptor '{fd.Str}' is not a socket", e);
        }
    }
}
