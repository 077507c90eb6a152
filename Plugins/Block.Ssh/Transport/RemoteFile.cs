// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Ssh.Sftp;
using BlockHost.Remote;
using BlockHost.Remote.Transfers;

namespace BlockHost.Plugins.Block.Ssh.Transport;

/// <summary>
/// A file over connections that come and go: a request that loses its connection is sent again over the next one, until its time
/// is over. That is right for reads and writes of places, not for what was written and not flushed when a connection was lost,
/// as the server may have lost it too: the next flush fails then, once.
/// </summary>
internal sealed class RemoteFile : IAsyncDisposable
{
    private readonly Func<CancellationToken, ValueTask<OpenedFile>> _open;
    private readonly Lifeline _lifeline;
    private readonly TimeProvider _clock;
    private readonly TimeSpan _retryTime;
    private readonly SemaphoreSlim _connecting = new(1);
    private volatile OpenedFile _opened;
    private readonly UnflushedWrites _unflushed = new();

    public RemoteFile(
        OpenedFile opened, Func<CancellationToken, ValueTask<OpenedFile>> open, Lifeline lifeline, TimeProvider clock,
        TimeSpan retryTime)
    {
        (_opened, _open, _lifeline, _clock, _retryTime) = (opened, open, lifeline, clock, retryTime);
        lifeline.Token.Register(() => _opened.Kill());
    }

    public bool CanFlush => _opened.File.CanFlush;

    /// <summary>Bytes of the file.</summary>
    /// <exception cref="BlockException">The server does not say.</exception>
    public async ValueTask<long> LengthAsync()
    {
        long length = 0;
        await RunAsync(async file => length = await file.LengthAsync().ConfigureAwait(false), offset: null).ConfigureAwait(false);
        return length;
    }

    public ValueTask ReadAsync(long offset, IoSlice target) => RunAsync(file => file.ReadAsync(offset, target), offset);

    public async ValueTask WriteAsync(long offset, IoSlice source)
    {
        await RunAsync(file => file.WriteAsync(offset, source), offset).ConfigureAwait(false);
        _unflushed.Written();
    }

    public async ValueTask SetLengthAsync(long length)
    {
        await RunAsync(file => file.SetLengthAsync(length), offset: null).ConfigureAwait(false);
        _unflushed.Written();
    }

    /// <exception cref="BlockException">It failed, or what was written before may be lost.</exception>
    public async ValueTask FlushAsync()
    {
        var written = _unflushed.Count;
        await RunAsync(file => file.FlushAsync(), offset: null).ConfigureAwait(false);
        if (!_unflushed.Flushed(written))
            throw new BlockException(
                BlockErrorKind.Io, "The connection was lost before data was flushed: the server may not have kept it");
    }

    public async ValueTask DisposeAsync()
    {
        await _connecting.WaitAsync().ConfigureAwait(false);
        await _opened.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask RunAsync(Func<SftpFile, ValueTask> request, long? offset)
    {
        var start = _clock.GetTimestamp();
        for (var backoff = new Backoff(); ; backoff.Lengthen())
        {
            RemoteFault fault;
            try
            {
                var opened = _opened.IsOver ? await ReconnectAsync(_opened).ConfigureAwait(false) : _opened;
                await request(opened.File).ConfigureAwait(false);
                return;
            }
            catch (RemoteFault e)
            {
                fault = e;
            }
            catch (OperationCanceledException e)
            {
                fault = new RemoteFault("The connection is lost", mayPass: true, e);
            }

            if (_lifeline.Token.IsCancellationRequested)
                throw _lifeline.Error("The request failed");
            if (!fault.MayPass || _clock.GetElapsedTime(start) + backoff.Pause >= _retryTime)
                throw new BlockException(BlockErrorKind.Io, fault.Message, innerException: fault) { Offset = offset };
            await PauseAsync(backoff.Pause).ConfigureAwait(false);
        }
    }

    private async ValueTask PauseAsync(TimeSpan pause)
    {
        try
        {
            await Task.Delay(pause, _clock, _lifeline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw _lifeline.Error("The request failed");
        }
    }

    /// <summary>One at a time; who comes second finds it done.</summary>
    private async ValueTask<OpenedFile> ReconnectAsync(OpenedFile lost)
    {
        await _connecting.WaitAsync(_lifeline.Token).ConfigureAwait(false);
        try
        {
            if (_opened != lost)
                return _opened;
            _unflushed.ConnectionLost();
            var next = await _open(_lifeline.Token).ConfigureAwait(false);
            _opened = next;
            // A yank that came meanwhile saw the old one.
            if (_lifeline.Token.IsCancellationRequested)
                next.Kill();
            await lost.DisposeAsync().ConfigureAwait(false);
            return next;
        }
        finally
        {
            _connecting.Release();
        }
    }
}
