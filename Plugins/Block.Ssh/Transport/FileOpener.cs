// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Ssh.Sftp;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Ssh.Transport;

/// <summary>Opens one node's file, as often as it takes.</summary>
internal sealed class FileOpener(SshOptions options, Lifeline lifeline, TimeProvider clock, TimeSpan retryTime)
{
    /// <exception cref="IOException">There is no connection, or no such file.</exception>
    public async ValueTask<RemoteFile> OpenAsync(bool forWriting, CancellationToken cancellationToken)
    {
        var flags = forWriting ? SftpOpenFlags.Read | SftpOpenFlags.Write : SftpOpenFlags.Read;
        var opened = await ConnectAsync(cancellationToken).ConfigureAwait(false);
        return new RemoteFile(opened, ConnectAsync, lifeline, clock, retryTime);

        async ValueTask<OpenedFile> ConnectAsync(CancellationToken token)
        {
            var session = await SshSession.OpenAsync(options, clock, patience: retryTime, token).ConfigureAwait(false);
            return await OpenedFile.OpenAsync(session, options.Path, flags, token).ConfigureAwait(false);
        }
    }
}

/// <summary>A file with the connection that it is open on, which is its alone.</summary>
internal sealed class OpenedFile : IAsyncDisposable
{
    private readonly SshSession _session;

    private OpenedFile(SshSession session, SftpFile file) => (_session, File) = (session, file);

    public SftpFile File { get; }

    public bool IsOver => _session.IsOver;

    /// <summary>Owns the session from here on, also where it fails.</summary>
    /// <exception cref="IOException">There is no such file, or the connection is lost.</exception>
    public static async ValueTask<OpenedFile> OpenAsync(
        SshSession session, string path, SftpOpenFlags flags, CancellationToken cancellationToken)
    {
        try
        {
            using var cut = cancellationToken.Register(session.Kill);
            return new OpenedFile(session, await SftpFile.OpenAsync(session.Channel, path, flags).ConfigureAwait(false));
        }
        catch (BlockException e)
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw new BlockException(e.Kind, $"failed to open remote file '{path}': {e.Message}", e.Errno, e);
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>From any thread: cuts the connection, and does not wait.</summary>
    public void Kill() => _session.Kill();

    public ValueTask DisposeAsync() => _session.DisposeAsync();
}
