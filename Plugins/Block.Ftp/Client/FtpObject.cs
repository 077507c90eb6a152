// SPDX-License-Identifier: MIT
using System.Net.Security;
using BlockHost.Remote;
using BlockHost.Remote.Transfers;

namespace BlockHost.Plugins.Block.Ftp.Client;

/// <summary>
/// One file of a server. Sessions are kept, each with the stream that it reads; a request takes the one that stands at its
/// place, or closely before it, or any, or opens another. One over which something went wrong is not used again.
/// </summary>
internal sealed class FtpObject : IRemoteObject
{
    private readonly FtpSettings _settings;
    private readonly SslClientAuthenticationOptions _tls;
    private readonly Lock _lock = new();
    private readonly List<FtpSession> _idle = [];
    private FtpFile _file = new(0, null);

    private FtpObject(FtpSettings settings)
    {
        _settings = settings;
        // The same for all connections: servers want the data's session to be one that the control connection has begun.
        _tls = new SslClientAuthenticationOptions
        {
            TargetHost = settings.Curl.Url.IdnHost,
            RemoteCertificateValidationCallback = (_, _, _, errors) => !settings.VerifiesPeer || TlsFaults.Accept(errors),
        };
    }

    public long Length => _file.Length;

    /// <summary>When the file was changed, to the second.</summary>
    public string? Version => _file.Changed;

    /// <exception cref="RemoteFault">There is none.</exception>
    public static async ValueTask<FtpObject> OpenAsync(FtpSettings settings, CancellationToken cancellationToken)
    {
        var found = new FtpObject(settings);
        var session = await FtpSession.OpenAsync(settings, found._tls, cancellationToken).ConfigureAwait(false);
        try
        {
            found._file = await session.DescribeAsync(cancellationToken).ConfigureAwait(false);
            found._idle.Add(session);
            return found;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask FetchAsync(Transfer transfer, CancellationToken cancellationToken)
    {
        var session = Take(transfer.Offset)
            ?? await FtpSession.OpenAsync(_settings, _tls, cancellationToken).ConfigureAwait(false);
        try
        {
            await FetchAsync(session, transfer, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        lock (_lock)
            _idle.Add(session);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var session in _idle)
            await session.DisposeAsync().ConfigureAwait(false);
        _idle.Clear();
    }

    private async ValueTask FetchAsync(FtpSession session, Transfer transfer, CancellationToken cancellationToken)
    {
        var stream = await session.SeekAsync(transfer.Offset, _file, cancellationToken).ConfigureAwait(false);
        try
        {
            await transfer.FillAsync(stream, cancellationToken).ConfigureAwait(false);
            session.Advance(transfer.Offset);
        }
        catch (RemoteFault)
        {
            if (await session.ExplainAsync(cancellationToken).ConfigureAwait(false) is { } reason)
                throw reason;
            throw;
        }
    }

    private FtpSession? Take(long offset)
    {
        lock (_lock)
        {
            var best = _idle.Where(session => session.Position >= 0 && session.Position <= offset)
                .MaxBy(session => session.Position) ?? _idle.FirstOrDefault();
            if (best is not null)
                _idle.Remove(best);
            return best;
        }
    }
}
