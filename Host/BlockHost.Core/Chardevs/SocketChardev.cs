// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using BlockHost.Block;
using BlockHost.Chardevs;
using BlockHost.Core.Descriptors;
using BlockHost.Net;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Chardevs;

/// <summary>
/// A listening socket, or a client that may connect again. Unlike QEMU's, a listening one serves several clients at
/// once: one that hangs keeps nobody out. Those beyond the limit wait in the kernel's queue.
/// </summary>
public sealed class SocketChardev(SocketChardevOptions options, IUserObjects objects, TimeProvider clock) : Chardev(options.Id)
{
    // A TLS client that says nothing must not keep others out for ever.
    private static readonly TimeSpan HandshakeTime = TimeSpan.FromSeconds(10);

    private const int MaxClients = 128;

    private Socket? _listener;
    private ClientQueue? _clients;
    private readonly ConcurrentDictionary<Socket, bool> _connected = [];
    private Stream? _first;
    private readonly CancellationTokenSource _yanked = new();
    private IDisposable? _yank;

    public override string QomType => "chardev-socket";

    public override int MaxConnections => options.Server ? MaxClients : 1;

    /// <summary>The address, as it is when a port has been chosen; with clients, without "disconnected:" before it.</summary>
    public override string FileName => (_connected.IsEmpty ? "disconnected:" : "") + options.Address switch
    {
        InetSocketAddress inet when LocalEndPoint is IPEndPoint { Port: var port } =>
            (options with { Address = inet with { Port = port.ToString(CultureInfo.InvariantCulture) } }).Describe(),
        FdSocketAddress when (LocalEndPoint ?? _connected.Keys.FirstOrDefault()?.LocalEndPoint) is not IPEndPoint =>
            $"unix:{(options.Server ? ",server=on" : "")}",
        _ => options.Describe(),
    };

    /// <summary>Where a server listens, once started.</summary>
    public EndPoint? LocalEndPoint => _listener?.LocalEndPoint;

    /// <summary>Told that the start waits for a client, with QEMU's description of the address.</summary>
    public event Action<string>? Waiting;

    /// <summary>Prepares what can fail (bind, connect), and waits for the first client where asked to.</summary>
    public async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        _ = Credentials();
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _yanked.Token);
        try
        {
            if (options.Server)
                await ListenAsync(waiting.Token).ConfigureAwait(false);
            else
                _first = await ConnectAsync(waiting.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new QmpException("The wait for the other side was ended by yank");
        }
    }

    private async ValueTask ListenAsync(CancellationToken cancellationToken)
    {
        _listener = SocketFactory.Listen(options.Address);
        if (options.Address is FdSocketAddress)
            _listener.Listen();
        _clients = new ClientQueue(_listener, (socket, token) => SecureAsync(socket, server: true, token));
        if (!options.Wait)
            return;
        Waiting?.Invoke(options.Describe());
        _first = await _clients.NextAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Disposed with the device.</summary>
    public void EndsWith(IDisposable yank) => _yank = yank;

    /// <summary>Shuts the connections down; a server goes on with its next client, a client may connect again.</summary>
    public void Yank()
    {
        StopWaiting();
        foreach (var socket in _connected.Keys)
        {
            try
            {
                socket.Shutdown(SocketShutdown.Both);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // It has just gone.
            }
        }
    }

    private void StopWaiting()
    {
        try
        {
            _yanked.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The device has just been closed.
        }
    }

    public override async ValueTask<Stream?> AcceptAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _first, null) is { } first)
            return first;

        if (_clients is { } clients)
            return await clients.NextAsync(cancellationToken).ConfigureAwait(false);
        if (options.ReconnectSeconds == 0)
            return null;
        return await ReconnectAsync(cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask DisposeAsync()
    {
        _yank?.Dispose();
        _yanked.Dispose();
        _clients?.Dispose();
        _listener?.Dispose();
        if (_listener is not null && options.Address is UnixSocketAddress { Abstract: not true } unix)
            File.Delete(unix.Path);
        if (Interlocked.Exchange(ref _first, null) is { } first)
            await first.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask<Stream?> ConnectAsync(CancellationToken cancellationToken)
    {
        try
        {
            var socket = await SocketFactory.ConnectAsync(options.Address, cancellationToken).ConfigureAwait(false);
            return await SecureAsync(socket, server: false, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException) when (options.ReconnectSeconds > 0)
        {
            return null;
        }
    }

    private async ValueTask<Stream?> ReconnectAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(options.ReconnectSeconds), clock, cancellationToken).ConfigureAwait(false);
            if (await ConnectAsync(cancellationToken).ConfigureAwait(false) is { } stream)
                return stream;
        }
    }

    private async ValueTask<Stream?> SecureAsync(Socket socket, bool server, CancellationToken cancellationToken)
    {
        var plain = new Connection(socket, _connected);
        if (Credentials() is not { } credentials)
            return plain;
        var secure = new SslStream(plain);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(HandshakeTime);
        try
        {
            if (server)
                await secure.AuthenticateAsServerAsync(credentials.CreateServerOptions(), limit.Token).ConfigureAwait(false);
            else
                await secure.AuthenticateAsClientAsync(
                    credentials.CreateClientOptions((options.Address as InetSocketAddress)?.Host),
                    limit.Token).ConfigureAwait(false);
            if (IsAuthorised(secure))
                return secure;
        }
        catch (Exception e)
            when (e is AuthenticationException or IOException
                || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The peer failed; the device goes on with the next one.
        }

        await secure.DisposeAsync().ConfigureAwait(false);
        return null;
    }

    private bool IsAuthorised(SslStream stream) =>
        objects.IsAllowed(options.TlsAuthorization, PeerName.Of(stream.RemoteCertificate));

    private ITlsCredentials? Credentials() =>
        options.TlsCredentials is { } id ? objects.RequireTls(id, options.Server) : null;

    /// <summary>A stream that can be yanked until it is closed.</summary>
    private sealed class Connection : DescriptorSocketStream
    {
        private readonly ConcurrentDictionary<Socket, bool> _connected;

        public Connection(Socket socket, ConcurrentDictionary<Socket, bool> connected)
            : base(socket)
        {
            _connected = connected;
            connected[socket] = true;
        }

        protected override void Dispose(bool disposing)
        {
            _connected.TryRemove(Socket, out _);
            base.Dispose(disposing);
        }
    }
}
