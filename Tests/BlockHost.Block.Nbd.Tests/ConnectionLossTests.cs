// SPDX-License-Identifier: MIT
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Conformance.TestHost;
using BlockHost.Nbd;

namespace BlockHost.Block.Nbd.Tests;

/// <summary>Servers that go away, that fall silent, and that come back.</summary>
public sealed class ConnectionLossTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Requests_wait_for_a_server_that_comes_back_in_time()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        server.Disk[0] = 5;
        await using var node = await Client.OpenAsync(server, ",\"reconnect-delay\":1000");
        server.Habits.FallSilent();
        var inFlight = node.ReadAsync(0, 512);

        server.Stop();
        var late = node.WriteAsync(512, [6, 6]).AsTask();
        Assert.False(inFlight.IsCompleted || late.IsCompleted);
        server.Habits.GoOn();
        server.Start();

        Assert.Equal(5, (await inFlight.WaitAsync(Patience))[0]);
        await late.WaitAsync(Patience);
        Assert.Equal([6, 6], server.Disk[512..514]);
    }

    [Fact]
    public async Task Requests_fail_when_the_server_stays_away_longer_than_they_may_wait()
    {
        var clock = new ManualClock();
        await using var server = new MemoryServer(1 << 20).Start();
        var context = new TestNodeContext(new TestPluginHost { Clock = clock });
        await using var node = await Client.OpenAsync(server, ",\"reconnect-delay\":10", context);
        server.Habits.FallSilent();
        var inFlight = node.ReadAsync(0, 512);
        server.Stop();

        while (!inFlight.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(1);
        }

        Assert.Equal(Errno.EIO, (await Assert.ThrowsAsync<BlockException>(() => inFlight)).Errno);
        Assert.Equal(Errno.EIO, (await Assert.ThrowsAsync<BlockException>(() => node.ReadAsync(0, 512))).Errno);
    }

    [Fact]
    public async Task Without_a_delay_requests_fail_until_the_server_is_back()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        await using var node = await Client.OpenAsync(server);
        server.Habits.FallSilent();
        var inFlight = node.ReadAsync(0, 512);
        server.Stop();

        var error = await Assert.ThrowsAsync<BlockException>(() => inFlight);
        Assert.StartsWith($"Lost the connection to '{server.SocketPath}': ", error.Message, StringComparison.Ordinal);
        server.Habits.GoOn();
        server.Start();

        using var limit = new CancellationTokenSource(Patience);
        while (!limit.IsCancellationRequested)
        {
            try
            {
                await node.ReadAsync(0, 512);
                return;
            }
            catch (BlockException)
            {
                await Task.Delay(5, limit.Token);
            }
        }
    }

    [Theory]
    [InlineData(false, 3)]
    [InlineData(false, Wire.ChunkHeaderLength - 1)]
    [InlineData(false, Wire.DataChunkHeaderLength - 1)]
    [InlineData(false, Wire.DataChunkHeaderLength)]
    [InlineData(false, Wire.DataChunkHeaderLength + 20_000)]
    [InlineData(true, 3)]
    [InlineData(true, Wire.DataChunkHeaderLength + 20_000)]
    public async Task A_read_whose_answer_breaks_off_is_asked_for_again_or_fails(bool waits, int length)
    {
        await using var server = new MemoryServer(1 << 20).Start();
        new Random(1).NextBytes(server.Disk);
        await using var node = await Client.OpenAsync(server, waits ? ",\"reconnect-delay\":1000" : "");
        var isFirst = true;
        server.Habits.AnswersRequest = request =>
            isFirst
                ? ServerRequests.Data(request, request.Offset, server.Disk.AsSpan((int)request.Offset, 40_000))[..length]
                : null;
        server.Habits.LeavesAfter = _ => isFirst && !(isFirst = false);

        var read = node.ReadAsync(4096, 40_000);

        if (waits)
            Assert.Equal(server.Disk[4096..44_096], await read.WaitAsync(Patience));
        else
            Assert.Equal(Errno.EIO, (await Assert.ThrowsAsync<BlockException>(() => read.WaitAsync(Patience))).Errno);
    }

    [Fact]
    public async Task An_export_that_is_smaller_now_is_another_one()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        await using var node = await Client.OpenAsync(server, ",\"reconnect-delay\":1000");
        server.Stop();
        server.Disk = new byte[1 << 19];
        var read = node.ReadAsync(0, 512);
        server.Start();
        while (server.Connections < 3)
            await Task.Delay(5);

        Assert.False(read.IsCompleted);
        server.Disk = new byte[1 << 20];
        await read.WaitAsync(Patience);
    }

    [Fact]
    public async Task An_export_that_has_grown_shows_its_new_size()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        var context = new TestNodeContext(new TestPluginHost());
        await using var node = await Client.OpenAsync(server, ",\"reconnect-delay\":1000", context);
        server.Stop();
        server.Disk = new byte[1 << 21];
        server.Start();

        await node.ReadAsync(0, 512).WaitAsync(Patience);

        Assert.Equal((1 << 21, 1), (node.Profile.Length, context.ProfileChanges));
    }

    [Fact]
    public async Task A_yank_ends_what_is_in_flight_and_all_that_comes()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        var host = new TestPluginHost();
        await using var node = await Client.OpenAsync(server, ",\"reconnect-delay\":1000", new TestNodeContext(host));
        server.Habits.FallSilent();
        var inFlight = Enumerable.Range(0, 200).Select(i => node.ReadAsync(i * 512, 512)).ToArray();

        host.Yank.YankAll();

        foreach (var read in inFlight)
            Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => read.WaitAsync(Patience))).Kind);
        Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => node.ReadAsync(0, 512))).Kind);
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task A_yank_ends_requests_that_wait_for_the_server_to_come_back()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        var host = new TestPluginHost();
        await using var node = await Client.OpenAsync(server, ",\"reconnect-delay\":1000", new TestNodeContext(host));
        server.Stop();
        var read = node.ReadAsync(0, 512);

        host.Yank.YankAll();

        Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => read.WaitAsync(Patience))).Kind);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"open-timeout\":1000")]
    public async Task A_yank_ends_opening_and_nothing_is_left(string options)
    {
        await using var server = new MemoryServer(1 << 20).Start();
        server.Habits.FallSilent();
        var host = new TestPluginHost();
        var opening = Client.OpenAsync(server, options, new TestNodeContext(host));
        Assert.Equal(1, host.Yank.Count);

        host.Yank.YankAll();

        Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => opening.WaitAsync(Patience))).Kind);
        Assert.Equal(0, host.Yank.Count);
    }

    [Fact]
    public async Task The_hosts_end_ends_opening()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        server.Habits.FallSilent();
        using var end = new CancellationTokenSource();
        var opening = Client.OpenAsync(server, cancellationToken: end.Token);

        await end.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_server_that_comes_within_the_open_timeout_is_found()
    {
        await using var server = new MemoryServer(1 << 20);
        var opening = Client.OpenAsync(server, ",\"open-timeout\":1000");

        server.Start();

        await using var node = await opening.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_server_that_says_nothing_is_given_up_after_the_open_timeout()
    {
        var clock = new ManualClock();
        await using var server = new MemoryServer(1 << 20).Start();
        server.Habits.FallSilent();
        var opening = Client.OpenAsync(server, ",\"open-timeout\":5", new TestNodeContext(new TestPluginHost { Clock = clock }));

        clock.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal(
            "Connection attempt cancelled by timeout",
            (await Assert.ThrowsAsync<BlockException>(() => opening.WaitAsync(Patience))).Message);
    }

    [Fact]
    public async Task Closing_does_not_wait_for_a_server_that_reads_nothing()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        var node = await Client.OpenAsync(server);
        server.Habits.FallSilent();

        await node.DisposeAsync().AsTask().WaitAsync(Patience);
    }

    [Fact]
    public async Task An_answer_that_comes_before_the_data_is_sent_leaves_the_buffer_alone()
    {
        await using var server = new MemoryServer(1 << 20).Start();
        await using var node = await Client.OpenAsync(server);
        // The server refuses at once; what it has read of the data does not matter.
        server.Habits.AnswersRequest = request =>
            request.Command == NbdCommand.Write ? ServerRequests.Error(request, NbdError.NoSpace) : null;

        var writes = Enumerable.Range(0, 8).Select(_ => node.WriteAsync(0, new byte[1 << 19]).AsTask()).ToArray();

        foreach (var write in writes)
            Assert.Equal(
                BlockErrorKind.NoSpace, (await Assert.ThrowsAsync<BlockException>(() => write.WaitAsync(Patience))).Kind);
    }
}
