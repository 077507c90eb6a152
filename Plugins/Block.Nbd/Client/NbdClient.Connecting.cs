// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>Connecting, and connecting again.</summary>
internal sealed partial class NbdClient
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(16);

    /// <summary>A server that takes the connection and does not speak is tried again after this.</summary>
    private static readonly TimeSpan AttemptLimit = TimeSpan.FromSeconds(30);

    private NbdConnection? _lastConnection;

    /// <summary>The first connection; for as long as open-timeout allows.</summary>
    /// <exception cref="BlockException">There is none; also where the node is yanked.</exception>
    public async ValueTask OpenAsync(CancellationToken cancellationToken)
    {
        var limited = _settings.OpenTimeout > TimeSpan.Zero;
        using var limit = new CancellationTokenSource(limited ? _settings.OpenTimeout : Timeout.InfiniteTimeSpan, _clock);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token, _over.Token);
        BlockException? last = null;
        try
        {
            for (var pause = FirstPause; ; pause = Longer(pause))
            {
                try
                {
                    Adopt(await Connector.ConnectAsync(_settings, any.Token).ConfigureAwait(false));
                    return;
                }
                catch (BlockException e) when (limited && !_over.IsCancellationRequested)
                {
                    last = e;
                }

                await Task.Delay(pause, _clock, any.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw _over.IsCancellationRequested
                ? Refusal()
                : last ?? new BlockException(BlockErrorKind.Io, "Connection attempt cancelled by timeout", Errno.ETIMEDOUT);
        }
    }

    private async Task ReconnectAsync()
    {
        for (var pause = FirstPause; ; pause = Longer(pause))
        {
            try
            {
                if (await TryReconnectAsync().ConfigureAwait(false))
                    return;
                await Task.Delay(pause, _clock, _over.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <exception cref="OperationCanceledException">It is over.</exception>
    private async Task<bool> TryReconnectAsync()
    {
        using var limit = new CancellationTokenSource(AttemptLimit, _clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _over.Token);
        try
        {
            var peer = await Connector.ConnectAsync(_settings, either.Token).ConfigureAwait(false);
            try
            {
                OnReconnected?.Invoke(peer.Session);
            }
            catch
            {
                peer.Dispose();
                throw;
            }

            Adopt(peer);
            return true;
        }
        catch (BlockException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!_over.IsCancellationRequested)
        {
            return false;
        }
    }

    private void Adopt(Connected peer)
    {
        var connection = new NbdConnection(this, peer);
        lock (Gate)
        {
            if (_state == State.Over)
            {
                peer.Dispose();
                throw Refusal();
            }

            (_state, _connection, _lastConnection, Session) = (State.Connected, connection, connection, peer.Session);
            AddWaiting(connection);
        }

        _patience.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        connection.Start();
        connection.Flush();
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < LongestPause ? pause * 2 : LongestPause;
}
