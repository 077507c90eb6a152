// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Chardevs;

namespace BlockHost.Plugins.Chardev.Standard.Devices;

/// <summary>A connected datagram socket: nobody may listen at the other end, and what is lost is lost.</summary>
internal sealed class DatagramStream(Socket socket) : SequentialStream
{
    private const int LargestDatagram = 65507;

    private readonly byte[] _datagram = new byte[LargestDatagram];
    private ReadOnlyMemory<byte> _rest;

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_rest.IsEmpty)
        {
            try
            {
                var length = await socket.ReceiveAsync(_datagram, cancellationToken).ConfigureAwait(false);
                _rest = _datagram.AsMemory(0, length);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
            {
                // An earlier datagram found nobody: the next may.
            }
        }

        var taken = Math.Min(buffer.Length, _rest.Length);
        _rest[..taken].CopyTo(buffer);
        _rest = _rest[taken..];
        return taken;
    }

    public override void Write(byte[] buffer, int offset, int count) =>
        WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        for (; !buffer.IsEmpty; buffer = buffer[Math.Min(buffer.Length, LargestDatagram)..])
        {
            try
            {
                var piece = buffer[..Math.Min(buffer.Length, LargestDatagram)];
                await socket.SendAsync(piece, cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException)
            {
                // Lost.
            }
        }
    }

    protected override void Dispose(bool disposing)
    {
        socket.Dispose();
        base.Dispose(disposing);
    }
}
