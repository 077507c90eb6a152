// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace BlockHost.Block.Ssh.Tests.Fakes;

/// <summary>An SFTP server that answers as a test says, whatever it is asked.</summary>
internal sealed class ScriptedServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly TcpClient _client = new();

    /// <param name="greeting">The answer to the first packet.</param>
    /// <param name="answer">Type and body of the answer to a request: its type, its id and what follows.</param>
    public ScriptedServer(byte[] greeting, Func<byte, byte[], byte[]?> answer)
    {
        _listener.Start();
        _client.Connect((IPEndPoint)_listener.LocalEndpoint);
        _ = ServeAsync(greeting, answer).ContinueWith(_ => { });
    }

    public Stream Stream => _client.GetStream();

    public static byte[] Greeting { get; } = Packet([2, 0, 0, 0, 3]);

    public static byte[] Packet(params byte[] body)
    {
        var packet = new byte[body.Length + 4];
        BinaryPrimitives.WriteInt32BigEndian(packet, body.Length);
        body.CopyTo(packet, 4);
        return packet;
    }

    public void Dispose()
    {
        _client.Dispose();
        _listener.Dispose();
    }

    private async Task ServeAsync(byte[] greeting, Func<byte, byte[], byte[]?> answer)
    {
        using var served = await _listener.AcceptTcpClientAsync();
        var stream = served.GetStream();
        await ReadAsync(stream);
        await stream.WriteAsync(greeting);
        while (true)
        {
            var request = await ReadAsync(stream);
            if (answer(request[0], request[1..]) is not { } reply)
                return;
            await stream.WriteAsync(reply);
        }
    }

    private static async Task<byte[]> ReadAsync(NetworkStream stream)
    {
        var length = new byte[4];
        await stream.ReadExactlyAsync(length);
        var packet = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        await stream.ReadExactlyAsync(packet);
        return packet;
    }
}
