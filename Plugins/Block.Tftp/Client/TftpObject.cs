// SPDX-License-Identifier: MIT
using BlockHost.Remote;
using BlockHost.Remote.Transfers;

namespace BlockHost.Plugins.Block.Tftp.Client;

/// <summary>
/// A file that the protocol only gives as a whole: it comes in the background from the moment when it is opened, and who reads
/// waits until it has come so far.
/// </summary>
internal sealed class TftpObject : IRemoteObject
{
    private readonly TftpSettings _settings;
    private readonly CancellationTokenSource _end;
    private readonly TimeProvider _clock;
    private readonly Spool _spool = new();
    private readonly TaskCompletionSource<long> _length = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private Task _download = Task.CompletedTask;

    private TftpObject(TftpSettings settings, Lifeline lifeline, TimeProvider clock) =>
        (_settings, _clock, _end) = (settings, clock, CancellationTokenSource.CreateLinkedTokenSource(lifeline.Token));

    public long Length => _length.Task.Result;

    /// <summary>The protocol has nothing of the kind.</summary>
    public string? Version => null;

    /// <exception cref="RemoteFault">There is none.</exception>
    public static async ValueTask<TftpObject> OpenAsync(
        TftpSettings settings, Lifeline lifeline, TimeProvider clock, CancellationToken cancellationToken)
    {
        var found = new TftpObject(settings, lifeline, clock);
        try
        {
            var download = found.EnsureRunning();
            await Task.WhenAny(found._length.Task, download).WaitAsync(cancellationToken).ConfigureAwait(false);
            if (!found._length.Task.IsCompleted)
                await download.ConfigureAwait(false);
            return found;
        }
        catch
        {
            await found.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask FetchAsync(Transfer transfer, CancellationToken cancellationToken)
    {
        var end = transfer.Offset + transfer.Left;
        for (var download = _spool.Bytes < end ? EnsureRunning() : Task.CompletedTask; _spool.Bytes < end;)
        {
            var (more, before) = (_spool.More, _spool.Bytes);
            if (before >= end)
                break;
            await Task.WhenAny(more, download).WaitAsync(cancellationToken).ConfigureAwait(false);
            if (_spool.Bytes > before)
                transfer.Progress();
            else if (download.IsCompleted)
                await download.ConfigureAwait(false);
        }

        while (transfer.Left > 0)
        {
            var read = await _spool.ReadAsync(transfer.Offset, transfer.Next, cancellationToken).ConfigureAwait(false);
            if (read == 0)
                throw new RemoteFault("What has come of the file is gone");
            transfer.Advance(read);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await _download.ContinueWith(
            static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default)
            .ConfigureAwait(false);
        _spool.Dispose();
        _end.Dispose();
    }

    /// <summary>The download that is under way, or the next try.</summary>
    private Task EnsureRunning()
    {
        lock (_lock)
        {
            if (_download.IsCompleted)
                _download = DownloadAsync();
            return _download;
        }
    }

    private async Task DownloadAsync()
    {
        await Task.Yield();
        var token = _end.Token;
        using var socket = await TftpSocket.OpenAsync(_settings.Host, _settings.Port, _clock, token).ConfigureAwait(false);
        long? known = _length.Task.IsCompletedSuccessfully ? _length.Task.Result : null;
        var download = new TftpDownload(_settings, _spool, socket, _clock, length => _length.TrySetResult(length));
        await download.RunAsync(known, token).ConfigureAwait(false);
    }
}
