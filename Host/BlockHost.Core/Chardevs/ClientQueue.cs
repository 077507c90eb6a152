// SPDX-License-Identifier: MIT
using System.Net.Sockets;

namespace BlockHost.Core.Chardevs;

/// <summary>
/// Clients of a listening socket in the order in which their handshakes end: one that says nothing delays nobody.
/// </summary>
/// <param name="secure">The handshake; null: the client failed and is gone.</param>
internal sealed class ClientQueue(Socket listener, Func<Socket, CancellationToken, ValueTask<Stream?>> secure) : IDisposable
{
    /// <summary>Clients beyond these wait in the kernel's queue.</summary>
    private const int MaxHandshakes = 32;

    private readonly CancellationTokenSource _end = new();
    private readonly List<Task<Stream?>> _handshakes = [];
    private Task<Socket>? _accepting;

    /// <summary>One caller at a time.</summary>
    public async ValueTask<Stream> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_handshakes.Count < MaxHandshakes)
                _accepting ??= listener.AcceptAsync(_end.Token).AsTask();
            Task[] waiting = [.. _handshakes, .. _accepting is null ? Array.Empty<Task>() : [_accepting]];
            var done = await Task.WhenAny(waiting).WaitAsync(cancellationToken).ConfigureAwait(false);
            if (done == _accepting)
                await BeginAsync().ConfigureAwait(false);
            else if (await EndAsync((Task<Stream?>)done).ConfigureAwait(false) is { } stream)
                return stream;
        }
    }

    public void Dispose()
    {
        _end.Cancel();
        _end.Dispose();
    }

    private async ValueTask BeginAsync()
    {
        var accepted = _accepting!;
        _accepting = null;
        var socket = await accepted.ConfigureAwait(false);
        if (socket.ProtocolType == ProtocolType.Tcp)
            socket.NoDelay = true;
        _handshakes.Add(secure(socket, _end.Token).AsTask());
    }

    private Task<Stream?> EndAsync(Task<Stream?> handshake)
    {
        _handshakes.Remove(handshake);
        return handshake;
    }
}
