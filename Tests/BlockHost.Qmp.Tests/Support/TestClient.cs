// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using System.Text;

namespace BlockHost.Qmp.Tests.Support;

/// <summary>A client that sends bytes and reads lines, with a time limit on everything.</summary>
internal sealed class TestClient(Socket socket) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly byte[] _buffer = new byte[65536];
    private readonly List<byte> _line = [];
    private int _position;
    private int _length;

    public Socket Socket => socket;

    public static async Task<TestClient> ConnectAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        return new TestClient(socket);
    }

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (bytes.Length > 0)
            bytes = bytes[await socket.SendAsync(bytes, patience.Token)..];
    }

    /// <summary>The next line, without its end; null at the end of the stream.</summary>
    public async Task<string?> ReadAsync(TimeSpan? patience = null)
    {
        using var limit = new CancellationTokenSource(patience ?? Patience);
        while (true)
        {
            while (_position < _length)
            {
                var c = _buffer[_position++];
                if (c != '\n')
                {
                    _line.Add(c);
                    continue;
                }

                var line = Encoding.UTF8.GetString(_line.ToArray()).TrimEnd('\r');
                _line.Clear();
                return line;
            }

            (_position, _length) = (0, 0);
            _length = await socket.ReceiveAsync(_buffer, limit.Token);
            if (_length == 0)
                return null;
        }
    }

    public async Task<string?> AskAsync(string request)
    {
        await SendAsync(request);
        return await ReadAsync();
    }

    /// <summary>All lines up to the answer to a request with this id, which is not part of them.</summary>
    public async Task<List<string>> ReadUntilAsync(string marker)
    {
        var lines = new List<string>();
        while (await ReadAsync() is { } line && !line.Contains(marker))
            lines.Add(line);
        return lines;
    }

    public void Dispose() => socket.Dispose();
}
