// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Net.Security;
using System.Net.Sockets;

namespace BlockHost.Plugins.Commands.Migration.Channels;

/// <summary>An open way to the other side, or from it.</summary>
/// <param name="isTwoWay">The other side can answer.</param>
internal class MigrationChannel(Stream stream, bool isTwoWay) : IAsyncDisposable
{
    public Stream Stream => stream;

    public bool IsTwoWay => isTwoWay;

    /// <summary>All has been written: makes sure that it has arrived where it can be known.</summary>
    public virtual ValueTask FinishAsync(CancellationToken cancellationToken)
    {
        if (stream is FileStream { CanSeek: true } file)
            file.Flush(flushToDisk: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>Lets what waits fail. Any thread, no lock.</summary>
    public virtual void ShutDown()
    {
    }

    public virtual ValueTask DisposeAsync() => stream.DisposeAsync();
}

/// <param name="stream">Over the socket, which ends with it.</param>
internal class SocketChannel(Socket socket, Stream stream) : MigrationChannel(stream, isTwoWay: true)
{
    public SocketChannel(Socket socket)
        : this(socket, new NetworkStream(socket, ownsSocket: true))
    {
    }

    public Socket Socket => socket;

    public override void ShutDown()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is down.
        }
    }
}

internal sealed class SecureChannel(Socket socket, SslStream stream) : SocketChannel(socket, stream)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>
    /// QEMU's TLS takes a connection that ends without a goodbye for one that was cut. It comes last, as who has answered may
    /// have gone by then.
    /// </summary>
    public override async ValueTask DisposeAsync()
    {
        try
        {
            await stream.ShutdownAsync().WaitAsync(Patience, TimeProvider.System).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or TimeoutException)
        {
            // Nobody is there to hear it.
        }

        await base.DisposeAsync().ConfigureAwait(false);
    }
}

/// <summary>A shell's command that takes the stream, or gives it.</summary>
internal sealed class CommandChannel(Process process, bool isOutput)
    : MigrationChannel(isOutput ? process.StandardInput.BaseStream : process.StandardOutput.BaseStream, isTwoWay: false)
{
    public static CommandChannel Start(string command, bool isOutput)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", command])
        {
            RedirectStandardInput = isOutput,
            RedirectStandardOutput = !isOutput,
        };
        return new CommandChannel(Process.Start(start)!, isOutput);
    }

    /// <summary>What the command has done is known when it ends.</summary>
    /// <exception cref="IOException">It failed.</exception>
    public override async ValueTask FinishAsync(CancellationToken cancellationToken)
    {
        await Stream.DisposeAsync().ConfigureAwait(false);
        await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        if (process.ExitCode != 0)
            throw new IOException($"Command exited with non-zero status {process.ExitCode}");
    }

    /// <summary>With all that it has started, as whoever has the pipe's other end keeps it open.</summary>
    public override void ShutDown()
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended.
        }
    }

    /// <summary>Nobody wants what a command still does that has not been waited for.</summary>
    public override async ValueTask DisposeAsync()
    {
        ShutDown();
        await base.DisposeAsync().ConfigureAwait(false);
        process.Dispose();
    }
}
