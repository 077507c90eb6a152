// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Core.Chardevs;
using BlockHost.Net;

namespace BlockHost.Core.Tests.Chardevs;

public sealed class ClientQueueTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("clients").FullName;
    private readonly Socket _listener;

    public ClientQueueTests() => _listener = SocketFactory.Listen(Address);

    private UnixSocketAddress Address => new() { Path = Path.Combine(_folder, "sock") };

    public void Dispose()
    {
        _listener.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_client_whose_handshake_never_ends_delays_nobody()
    {
        var handshakes = 0;
        using var queue = new ClientQueue(_listener, async (socket, end) =>
        {
            if (Interlocked.Increment(ref handshakes) == 1)
                await Task.Delay(Timeout.Infinite, end);
            return new NetworkStream(socket, ownsSocket: true);
        });
        using var silent = await SocketFactory.ConnectAsync(Address, default);
        using var second = await SocketFactory.ConnectAsync(Address, default);

        await using var stream = await queue.NextAsync(default).AsTask().WaitAsync(Soon);

        await second.SendAsync(new byte[] { 42 });
        var received = new byte[1];
        Assert.Equal(1, await stream.ReadAsync(received));
        Assert.Equal(42, received[0]);
    }

    [Fact]
    public async Task A_client_whose_handshake_fails_is_passed_over()
    {
        var handshakes = 0;
        using var queue = new ClientQueue(
            _listener,
            (socket, _) => new(Interlocked.Increment(ref handshakes) == 1 ? null : new NetworkStream(socket, ownsSocket: true)));
        using var bad = await SocketFactory.ConnectAsync(Address, default);
        using var good = await SocketFactory.ConnectAsync(Address, default);

        await using var stream = await queue.NextAsync(default).AsTask().WaitAsync(Soon);

        Assert.Equal(2, handshakes);
    }

    [Fact]
    public async Task Waiting_can_be_given_up_and_taken_up_again()
    {
        using var queue = new ClientQueue(_listener, (socket, _) => new(new NetworkStream(socket, ownsSocket: true)));
        using var impatient = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await queue.NextAsync(impatient.Token));

        using var client = await SocketFactory.ConnectAsync(Address, default);
        await using var stream = await queue.NextAsync(default).AsTask().WaitAsync(Soon);

        Assert.NotNull(stream);
    }
}
