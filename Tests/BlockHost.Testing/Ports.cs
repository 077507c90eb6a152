// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;

namespace BlockHost.Testing;

/// <summary>Ports of this machine, for servers that tests start.</summary>
public static class Ports
{
    /// <summary>A TCP port that nobody has.</summary>
    public static int Free() => Free(SocketType.Stream, ProtocolType.Tcp);

    /// <summary>A UDP port that nobody has.</summary>
    public static int FreeUdp() => Free(SocketType.Dgram, ProtocolType.Udp);

    /// <summary>Whether a connection can be made.</summary>
    public static async Task<bool> AnswersAsync(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int Free(SocketType type, ProtocolType protocol)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
