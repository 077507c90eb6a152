// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Tftp.Client;

/// <summary>
/// Packets to and from one server. It answers the first request from another port than the one that was asked, and that pair of
/// ports is the transfer: what comes from elsewhere is none of it (RFC 1350, 4).
/// </summary>
internal sealed class TftpSocket : IDisposable
{
    private const ushort UnknownTransfer = 5;

    private readonly IPEndPoint _server;
    private readonly TimeProvider _clock;
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[65536];
    private IPEndPoint? _peer;

    private TftpSocket(IPEndPoint server, TimeProvider clock)
    {
        (_server, _clock) = (server, clock);
        _socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 1 << 20 };
        _socket.Bind(new IPEndPoint(server.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0));
    }

    /// <exception cref="RemoteFault">The host's name stands for nothing.</exception>
    public static async ValueTask<TftpSocket> OpenAsync(
        string host, int port, TimeProvider clock, CancellationToken cancellationToken)
    {
        var addresses = await Dialler.ResolveAsync(host, cancellationToken).ConfigureAwait(false);
        return new TftpSocket(new IPEndPoint(addresses[0], port), clock);
    }

    public void Send(byte[] packet)
    {
        try
        {
            _socket.SendTo(packet, _peer ?? _server);
        }
        catch (SocketException)
        {
            // As lost as any other packet.
        }
    }

    /// <returns>A packet of the transfer; empty: none has come in time.</returns>
    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var time = new CancellationTokenSource(timeout, _clock);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(time.Token, cancellationToken);
        try
        {
            while (true)
            {
                if (_socket.Available == 0 || !TryTake(out var packet))
                    packet = await WaitAsync(linked.Token).ConfigureAwait(false);
                if (packet.Length > 0)
                    return packet;
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return default;
        }
    }

    public void Dispose() => _socket.Dispose();

    private bool TryTake(out ReadOnlyMemory<byte> packet)
    {
        EndPoint from = new IPEndPoint(_server.Address, 0);
        try
        {
            packet = Sort(_socket.ReceiveFrom(_buffer, ref from), (IPEndPoint)from);
            return packet.Length > 0;
        }
        catch (SocketException)
        {
            packet = default;
            return false;
        }
    }

    private async ValueTask<ReadOnlyMemory<byte>> WaitAsync(CancellationToken cancellationToken)
    {
        try
        {
            var received = await _socket.ReceiveFromAsync(
                _buffer, SocketFlags.None, new IPEndPoint(_server.Address, 0), cancellationToken).ConfigureAwait(false);
            return Sort(received.ReceivedBytes, (IPEndPoint)received.RemoteEndPoint);
        }
        catch (SocketException e)
        {
            // "Port unreachable": nobody listens there.
            throw new RemoteFault($"The server cannot be reached: {e.Message}", mayPass: true, e);
        }
    }

    /// <returns>Empty: it is not of this transfer.</returns>
    private ReadOnlyMemory<byte> Sort(int bytes, IPEndPoint from)
    {
        var packet = _buffer.AsMemory(0, bytes);
        if (!from.Address.Equals(_server.Address) || TftpPacket.OpcodeOf(packet.Span) is null)
            return default;
        _peer ??= from;
        if (_peer.Port == from.Port)
            return packet;
        _socket.SendTo(TftpPacket.Error(UnknownTransfer, "Unknown transfer ID"), from);
        return default;
    }
}
