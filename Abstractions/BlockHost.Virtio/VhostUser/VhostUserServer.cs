// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Posix.Loops;
using Microsoft.Extensions.Logging;

namespace BlockHost.Virtio.VhostUser;

/// <summary>
/// Takes one front-end after another. The next one is not let in before every request of the last one has ended: what it asks for
/// again must not be overtaken by what it has asked for before.
/// </summary>
/// <param name="loopOf">Where the ring of that number works.</param>
public sealed class VhostUserServer(
    Socket listener, VhostUserDevice device, Func<int, EventLoop> loopOf, TimeProvider clock, ILogger log)
{
    /// <summary>Where no connection could be taken: what the process lacks may come back.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private int _connected;

    public bool HasFrontEnd => Volatile.Read(ref _connected) != 0;

    /// <summary>How many front-ends are there now: none or one.</summary>
    public Action<int>? ConnectedChanged { get; init; }

    /// <summary>Serves until it is cancelled; then nothing of a front-end is left.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                if (await AcceptAsync(cancellationToken).ConfigureAwait(false) is { } socket)
                    await ServeAsync(socket, cancellationToken).ConfigureAwait(false);
                else
                    await Task.Delay(Pause, clock, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    private async ValueTask<Socket?> AcceptAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await listener.AcceptAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            log.ConnectionFailed(e);
            return null;
        }
    }

    private async Task ServeAsync(Socket socket, CancellationToken cancellationToken)
    {
        Change(1);
        try
        {
            await new VhostUserSession(socket, device, loopOf, log).RunAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Change(0);
        }
    }

    private void Change(int connected)
    {
        Volatile.Write(ref _connected, connected);
        ConnectedChanged?.Invoke(connected);
    }
}
