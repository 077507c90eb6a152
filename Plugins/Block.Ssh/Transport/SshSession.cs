// SPDX-License-Identifier: MIT
using System.ComponentModel;
using System.Net.Sockets;
using System.Text;
using BlockHost.Block;
using BlockHost.Plugins.Block.Ssh.Sftp;
using BlockHost.Posix;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Ssh.Transport;

/// <summary>A running ssh, with an SFTP server at its other end.</summary>
internal sealed class SshSession : IAsyncDisposable
{
    private const int MaxSaid = 8 << 10;

    private readonly ChildProgram _program;
    private readonly SftpChannel _channel;
    private readonly Task<string> _said;

    private SshSession(ChildProgram program, TimeProvider clock, TimeSpan patience)
    {
        _program = program;
        _channel = new SftpChannel(new NetworkStream(program.Talk, ownsSocket: true), clock, patience);
        _said = ListenAsync(program.Errors);
    }

    public SftpChannel Channel => _channel;

    public bool IsOver => _channel.IsOver;

    /// <param name="patience">For how long the server may say nothing while something waits for it.</param>
    /// <exception cref="IOException">There is no connection.</exception>
    public static async ValueTask<SshSession> OpenAsync(
        SshOptions options, TimeProvider clock, TimeSpan patience, CancellationToken cancellationToken)
    {
        var session = new SshSession(Start(options), clock, patience);
        try
        {
            // Nothing of it waits without the program.
            using var cut = cancellationToken.Register(session.Kill);
            await session.ConnectAsync($"{options.Server.Host}:{options.Server.Port}", cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>From any thread: cuts the connection, and does not wait.</summary>
    public void Kill()
    {
        _program.Kill();
        _channel.Break(new RemoteFault("The connection was cut", mayPass: true));
    }

    public async ValueTask DisposeAsync()
    {
        _program.Kill();
        await _channel.DisposeAsync().ConfigureAwait(false);
        await _program.EndAsync().ConfigureAwait(false);
        await _said.ConfigureAwait(false);
    }

    private static ChildProgram Start(SshOptions options)
    {
        try
        {
            return ChildProgram.Start(SshCommandLine.Program, SshCommandLine.For(options));
        }
        catch (Win32Exception e)
        {
            throw new BlockException(
                BlockErrorKind.NotSupported, $"'{SshCommandLine.Program}' cannot be started: {e.Message}", innerException: e)
            { Hint = "The driver works through OpenSSH's client." };
        }
    }

    private async ValueTask ConnectAsync(string address, CancellationToken cancellationToken)
    {
        try
        {
            await _channel.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException and not RemoteFault or ObjectDisposedException or SocketException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            // It has ended, or ends now: what it said is there.
            _program.Kill();
            throw SshComplaint.Explain(await _said.ConfigureAwait(false), address);
        }
    }

    /// <summary>Until it ends, so that it never waits for somebody to listen; the beginning is kept.</summary>
    private static async Task<string> ListenAsync(Socket errors)
    {
        var said = new StringBuilder();
        var buffer = new byte[1024];
        try
        {
            int read;
            while ((read = await errors.ReceiveAsync(buffer).ConfigureAwait(false)) > 0)
            {
                if (said.Length < MaxSaid)
                    said.Append(Encoding.UTF8.GetString(buffer, 0, read));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is let go of.
        }

        return said.ToString();
    }
}
