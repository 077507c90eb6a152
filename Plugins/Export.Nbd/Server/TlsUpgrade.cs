// SPDX-License-Identifier: MIT
using System.Net.Security;
using System.Net.Sockets;
using BlockHost.Objects;
using BlockHost.Posix;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// Serves TLS clients: a pair of connected sockets stands between the event loop, which sees a plain client, and the
/// tasks that encrypt.
/// <code>
///   client ◄══ TLS ══► SslStream ◄─ pump ─► socket pair ◄─ plain ─► event loop
/// </code>
/// </summary>
/// <param name="isAllowed">Judges the client's <see cref="PeerName"/>.</param>
internal sealed class TlsUpgrade(
    ITlsCredentials credentials, Func<string, bool> isAllowed, TimeProvider clock) : IAsyncDisposable
{
    private const int PumpBytes = 128 << 10;

    private readonly CancellationTokenSource _stop = new();

    public ILogger Log { get; init; } = NullLogger.Instance;

    /// <param name="fd">The client's socket; owned from here on.</param>
    /// <param name="resume">Called once with the loop's end of the pair, or -1.</param>
    public async Task RunAsync(int fd, TimeSpan limit, Action<int> resume)
    {
        using var client = new NetworkStream(new Socket(new SafeSocketHandle(fd, ownsHandle: true)), ownsSocket: true);
        using var tls = new SslStream(client);
        if (!await AuthenticateAsync(tls, limit).ConfigureAwait(false) || !TryOpenPair(out var loopEnd, out var ours))
        {
            resume(-1);
            return;
        }

        using var plain = new NetworkStream(new Socket(new SafeSocketHandle(ours, ownsHandle: true)), ownsSocket: true);
        resume(loopEnd);
        await PumpBothAsync(tls, plain).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        _stop.Cancel();
        _stop.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<bool> AuthenticateAsync(SslStream tls, TimeSpan limit)
    {
        using var timeout = new CancellationTokenSource(limit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, _stop.Token);
        try
        {
            await tls.AuthenticateAsServerAsync(credentials.CreateServerOptions(), either.Token).ConfigureAwait(false);
        }
        catch (Exception e)
            when (e is IOException or System.Security.Authentication.AuthenticationException or OperationCanceledException
                or SocketException)
        {
            Log.ClientRefused($"its TLS handshake failed: {e.Message}");
            return false;
        }

        var name = PeerName.Of(tls.RemoteCertificate);
        if (isAllowed(name))
            return true;
        Log.ClientRefused($"'{name}' is not authorised");
        return false;
    }

    private static unsafe bool TryOpenPair(out int loopEnd, out int ours)
    {
        var pair = stackalloc int[2];
        if (Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC, 0, pair) < 0)
        {
            (loopEnd, ours) = (-1, -1);
            return false;
        }

        (loopEnd, ours) = (pair[0], pair[1]);
        return true;
    }

    private async Task PumpBothAsync(SslStream tls, NetworkStream plain)
    {
        // Either direction's end closes both: the loop sees its socket hang up, the client a closed connection.
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var inward = PumpAsync(tls, plain, ended.Token);
        var outward = PumpAsync(plain, tls, ended.Token);
        await Task.WhenAny(inward, outward).ConfigureAwait(false);
        if (outward.IsCompleted)
            await EndTlsAsync(tls).ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(inward, outward).ConfigureAwait(false);
    }

    private static async Task PumpAsync(Stream from, Stream to, CancellationToken cancellationToken)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(PumpBytes);
        try
        {
            int n;
            while ((n = await from.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
                await to.WriteAsync(buffer.AsMemory(0, n), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // A peer that went away ends the pump like an orderly close.
        }
    }

    private static async Task EndTlsAsync(SslStream tls)
    {
        try
        {
            await tls.ShutdownAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or ObjectDisposedException)
        {
            // The client did not wait for the goodbye.
        }
    }
}
