// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Ftp.Client;

/// <summary>What a server says of a file.</summary>
internal sealed record FtpFile(long Length, string? Changed);

/// <summary>
/// One user's connection, and the data connection over which the file comes from some place on. That one is kept: whoever
/// reads on finds the next byte there.
/// </summary>
internal sealed class FtpSession : IAsyncDisposable
{
    /// <summary>So much is read and thrown away rather than the file asked for anew from another place.</summary>
    private const int LargestSkip = 256 << 10;

    private readonly FtpSettings _settings;
    private readonly SslClientAuthenticationOptions _tls;
    private readonly Socket _socket;
    private readonly ControlChannel _control;
    private Stream? _data;
    private bool _hasNoEpsv;

    private FtpSession(FtpSettings settings, SslClientAuthenticationOptions tls, Socket socket)
    {
        (_settings, _tls, _socket) = (settings, tls, socket);
        _control = new ControlChannel(new NetworkStream(socket, ownsSocket: true));
    }

    /// <summary>Where the next byte of the data connection is from; -1: there is none.</summary>
    public long Position { get; private set; } = -1;

    /// <exception cref="RemoteFault">The server cannot be reached, or refuses; curl's words.</exception>
    public static async ValueTask<FtpSession> OpenAsync(
        FtpSettings settings, SslClientAuthenticationOptions tls, CancellationToken cancellationToken)
    {
        var host = settings.Curl.Url.IdnHost;
        var socket = await Dialler.ConnectAsync(host, settings.Port, cancellationToken).ConfigureAwait(false);
        var session = new FtpSession(settings, tls, socket);
        try
        {
            await session.LogInAsync(cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <exception cref="RemoteFault">There is no such file, or no part of it can be had.</exception>
    public async ValueTask<FtpFile> DescribeAsync(CancellationToken cancellationToken)
    {
        var size = await _control.AskAsync($"SIZE {_settings.Path}", cancellationToken).ConfigureAwait(false);
        var changed = await _control.AskAsync($"MDTM {_settings.Path}", cancellationToken).ConfigureAwait(false);
        if (size.Code != 213 || !long.TryParse(size.Text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var length))
            throw new RemoteFault(size.Code == 550 && changed.Code == 550 && _settings.Path.Length > 0
                ? "The file does not exist"
                : "Server didn't report file size.");
        return new FtpFile(length, changed.Code == 213 ? changed.Text.Trim() : null);
    }

    /// <summary>A stream that stands at the offset.</summary>
    /// <param name="expected">What the file must still be.</param>
    public async ValueTask<Stream> SeekAsync(long offset, FtpFile expected, CancellationToken cancellationToken)
    {
        if (_data is not null && offset >= Position && offset - Position <= LargestSkip)
        {
            await SkipAsync((int)(offset - Position), cancellationToken).ConfigureAwait(false);
            return _data;
        }

        await CloseDataAsync(cancellationToken).ConfigureAwait(false);
        if (await DescribeAsync(cancellationToken).ConfigureAwait(false) != expected)
            throw new RemoteFault("The file on the server is not the one that was opened");
        await OpenDataAsync(offset, cancellationToken).ConfigureAwait(false);
        return _data!;
    }

    /// <summary>What was read from the stream.</summary>
    public void Advance(long position) => Position = position;

    /// <summary>What the server says of a transfer that has ended too early; null: nothing that would help.</summary>
    public async ValueTask<RemoteFault?> ExplainAsync(CancellationToken cancellationToken)
    {
        const int noReusedSession = 522;
        try
        {
            var reply = await _control.ReadAsync(cancellationToken).ConfigureAwait(false);
            return reply.Code switch
            {
                noReusedSession => new RemoteFault("The server wants data to come over a TLS session that is reused: 522"),
                >= 500 => new RemoteFault($"The server ends the transfer: {reply.Code}"),
                _ => null,
            };
        }
        catch (IOException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_data is not null)
            await _data.DisposeAsync().ConfigureAwait(false);
        await _control.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask LogInAsync(CancellationToken cancellationToken)
    {
        if (_settings.Tls == FtpTls.Implicit)
            await SecureControlAsync(cancellationToken).ConfigureAwait(false);
        Demand(await _control.ReadAsync(cancellationToken).ConfigureAwait(false), "The server is not ready");
        if (_settings.Tls == FtpTls.Explicit)
        {
            Demand(await _control.AskAsync("AUTH TLS", cancellationToken).ConfigureAwait(false), "The server has no TLS");
            await SecureControlAsync(cancellationToken).ConfigureAwait(false);
        }

        var (user, password) = _settings.Curl.Login is { User.Length: > 0 } login
            ? (login.User, login.Password)
            : ("anonymous", "ftp@example.com");
        var reply = await _control.AskAsync($"USER {user}", cancellationToken).ConfigureAwait(false);
        if (reply.Code == 331)
            reply = await _control.AskAsync($"PASS {password}", cancellationToken).ConfigureAwait(false);
        Demand(reply, "Access denied");
        if (_settings.Tls != FtpTls.None)
        {
            Demand(await _control.AskAsync("PBSZ 0", cancellationToken).ConfigureAwait(false), "PBSZ is refused");
            Demand(await _control.AskAsync("PROT P", cancellationToken).ConfigureAwait(false), "Data is not protected");
        }

        Demand(await _control.AskAsync("TYPE I", cancellationToken).ConfigureAwait(false), "Couldn't set desired mode");
    }

    private async ValueTask SecureControlAsync(CancellationToken cancellationToken) =>
        _control.Secure(await SecureAsync(_control.Stream, cancellationToken).ConfigureAwait(false));

    private async ValueTask<Stream> SecureAsync(Stream stream, CancellationToken cancellationToken)
    {
        var tls = new SslStream(stream);
        try
        {
            await tls.AuthenticateAsClientAsync(_tls, cancellationToken).ConfigureAwait(false);
            return tls;
        }
        catch (Exception e)
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw e is AuthenticationException ? RemoteFault.Inside(e) ?? TlsFaults.Of(e) : e;
        }
    }

    private async ValueTask OpenDataAsync(long offset, CancellationToken cancellationToken)
    {
        var port = await ListenAsync(cancellationToken).ConfigureAwait(false);
        var rest = await _control.AskAsync($"REST {offset}", cancellationToken).ConfigureAwait(false);
        if (rest.Code != 350 && offset != 0)
            throw new RemoteFault("The server does not support 'REST' (transfers from within a file)");
        var address = ((IPEndPoint)_socket.RemoteEndPoint!).Address;
        var socket = await Dialler.ConnectAsync(address.ToString(), port, cancellationToken).ConfigureAwait(false);
        Stream stream = new NetworkStream(socket, ownsSocket: true);
        try
        {
            var reply = await _control.AskAsync($"RETR {_settings.Path}", cancellationToken).ConfigureAwait(false);
            if (reply.Code is < 100 or >= 200)
                throw new RemoteFault($"RETR response: {reply.Code:D3}", mayPass: reply.Code is >= 400 and < 500);
            if (_settings.Tls != FtpTls.None)
                stream = await SecureAsync(stream, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        (_data, Position) = (stream, offset);
    }

    /// <summary>A transfer that is called off has an end all the same: 226, or 426 where the server minds.</summary>
    private async ValueTask CloseDataAsync(CancellationToken cancellationToken)
    {
        if (_data is null)
            return;
        var data = _data;
        (_data, Position) = (null, -1);
        await data.DisposeAsync().ConfigureAwait(false);
        await _control.ReadAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask SkipAsync(int bytes, CancellationToken cancellationToken)
    {
        var nowhere = new byte[Math.Min(bytes, 64 << 10)];
        while (bytes > 0)
        {
            var read = await _data!.ReadAsync(nowhere.AsMemory(0, Math.Min(bytes, nowhere.Length)), cancellationToken)
                .ConfigureAwait(false);
            if (read == 0)
                throw new RemoteFault("The server has closed the data connection", mayPass: true);
            (bytes, Position) = (bytes - read, Position + read);
        }
    }

    /// <exception cref="RemoteFault">The server says no.</exception>
    private static void Demand(FtpReply reply, string refusal)
    {
        if (!reply.IsOk)
            throw new RemoteFault($"{refusal}: {reply.Code:D3}", mayPass: reply.Code is >= 400 and < 500);
    }

    private async ValueTask<int> ListenAsync(CancellationToken cancellationToken)
    {
        if (!_hasNoEpsv)
        {
            var reply = await _control.AskAsync("EPSV", cancellationToken).ConfigureAwait(false);
            if (PassiveReply.Extended(reply) is { } port)
                return port;
            _hasNoEpsv = true;
        }

        return PassiveReply.Plain(await _control.AskAsync("PASV", cancellationToken).ConfigureAwait(false))
            ?? throw new RemoteFault("The server offers no passive data connection", mayPass: true);
    }
}
