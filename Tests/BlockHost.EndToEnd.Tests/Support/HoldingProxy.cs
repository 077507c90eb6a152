// SPDX-License-Identifier: MIT
using System.Net.Sockets;

namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>Stands before a server and passes on what both sides say, until it holds the server's words back.</summary>
internal sealed class HoldingProxy : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _end = new();
    private readonly List<Socket> _sockets = [];
    private readonly string _server;
    private readonly Task _accepting;
    private long _left = long.MaxValue;

    public HoldingProxy(string path, string server)
    {
        _server = server;
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    /// <summary>From now on only so many bytes of the server's reach its clients, in all; nobody is told.</summary>
    public void HoldAfter(long bytes) => Volatile.Write(ref _left, bytes);

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_sockets)
            _sockets.ForEach(socket => socket.Dispose());
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = Keep(await _listener.AcceptAsync(_end.Token));
            var server = Keep(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified));
            await server.ConnectAsync(new UnixDomainSocketEndPoint(_server), _end.Token);
            _ = PassAsync(client, server, isHeld: false);
            _ = PassAsync(server, client, isHeld: true);
        }
    }

    private async Task PassAsync(Socket from, Socket to, bool isHeld)
    {
        try
        {
            var buffer = new byte[64 << 10];
            while (await from.ReceiveAsync(buffer, _end.Token) is var length and > 0)
            {
                if (isHeld)
                    length = (int)Math.Clamp(Interlocked.Add(ref _left, -length) + length, 0, length);
                if (length > 0)
                    await to.SendAsync(buffer.AsMemory(0, length), _end.Token);
            }

            from.Dispose();
            to.Dispose();
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            from.Dispose();
            to.Dispose();
        }
    }

    private Socket Keep(Socket socket)
    {
        lock (_sockets)
            _sockets.Add(socket);
        return socket;
    }
}
