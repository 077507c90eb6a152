// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Iscsi.Tests.RealServers;

/// <summary>Connections are lost, and the disk is still the same one.</summary>
public sealed class LostConnectionTests
{
    private const int Length = 1 << 20;
    private const string Unflushed = "The connection was lost before data was flushed: the target may not have kept it";

    [SkippableFact]
    public async Task Requests_go_on_over_the_next_connection()
    {
        await using var server = await StartAsync();
        await using var node = await Client.OpenAsync(server.Options(1));

        for (var round = 0; round < 2; round++)
        {
            await server.EndAsync();
            var reading = node.ReadAsync(0, 65536);
            await server.StartAgainAsync();
            Assert.Equal(Client.Noise(Length)[..65536], await reading);
        }
    }

    [SkippableFact]
    public async Task What_was_not_flushed_when_the_connection_was_lost_fails_the_next_flush_once()
    {
        await using var server = await StartAsync();
        await using var node = await Client.OpenAsync(server.Options(1));
        await node.WriteAsync(0, new byte[512]);
        await node.FlushAsync();
        await node.WriteAsync(512, new byte[512]);

        await RestartAsync(server);
        Assert.Equal(Unflushed, (await Assert.ThrowsAsync<BlockException>(() => node.FlushAsync())).Message);

        await node.FlushAsync();
        await RestartAsync(server);
        await node.FlushAsync();
    }

    /// <summary>Writers that never stop, while the server is killed and started again: a flush says what is safe.</summary>
    [SkippableFact]
    public async Task Nothing_is_lost_or_a_flush_fails()
    {
        const int blocks = 64;
        await using var server = await StartAsync();
        await using var node = await Client.OpenAsync(server.Options(1));
        using var stop = new CancellationTokenSource();
        var written = new byte[blocks];
        var ended = 0;
        var writers = Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (byte turn = 1; !stop.IsCancellationRequested || turn < 3; turn = (byte)(turn % 250 + 1))
            {
                for (var block = writer; block < blocks; block += 8)
                {
                    await node.WriteAsync(block * 4096, [.. Enumerable.Repeat(turn, 4096)]);
                    written[block] = turn;
                    Interlocked.Increment(ref ended);
                }
            }
        })).ToList();

        for (var round = 0; round < 2; round++)
        {
            var before = Volatile.Read(ref ended);
            await Client.UntilAsync(() => Volatile.Read(ref ended) >= before + blocks);
            await RestartAsync(server);
        }

        await stop.CancelAsync();
        await Task.WhenAll(writers).WaitAsync(Client.Soon);

        // The file outlives its server here: whatever ended is there, also where a flush cannot know that.
        Assert.Equal(Unflushed, (await Assert.ThrowsAsync<BlockException>(() => node.FlushAsync())).Message);
        await node.FlushAsync();
        var file = await File.ReadAllBytesAsync(server["disk1"]);
        for (var block = 0; block < blocks; block++)
            Assert.All(file[(block * 4096)..((block + 1) * 4096)], value => Assert.Equal(written[block], value));
    }

    [SkippableFact]
    public async Task Where_nobody_is_any_more_a_request_fails_when_its_time_is_over()
    {
        await using var server = await StartAsync();
        await using var node = await Client.OpenAsync(server.Options(1, """{"x-blockhost-retry-time": 1}"""));

        await server.EndAsync();
        var error = await node.ReadErrorAsync();

        Assert.StartsWith($"Failed to connect to 127.0.0.1 port {server.Port} after", error.Message);
        await server.StartAgainAsync();
        Assert.Equal(Client.Noise(Length)[..512], await ReadSoonAsync(node));
    }

    [SkippableFact]
    public async Task A_target_that_stands_still_is_left_when_it_answers_no_ping()
    {
        await using var server = await StartAsync();
        var host = new TestPluginHost { Clock = new FastClock() };
        await using var node = await Client.OpenAsync(server.Options(1, """{"x-blockhost-retry-time": 1}"""), host);

        server.FallSilent();
        var error = await node.ReadErrorAsync();

        Assert.Contains("NOP timeout", error.ToString());
        server.GoOn();
        Assert.Equal(Client.Noise(Length)[..512], await ReadSoonAsync(node));
    }

    [SkippableFact]
    public async Task A_yank_lets_go_at_once_of_what_waits()
    {
        await using var server = await StartAsync();
        var host = new TestPluginHost();
        await using var node = await Client.OpenAsync(server.Options(1), host);
        server.FallSilent();
        Task[] requests = [node.ReadAsync(0, 512), node.FlushAsync(), node.WriteAsync(0, new byte[Length])];

        host.Yank.YankAll();

        foreach (var request in requests)
            Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => request)).Kind);
    }

    [SkippableFact]
    public async Task Another_portal_serves_where_one_is_lost()
    {
        await using var here = await StartAsync();
        await using var server = await StartAsync();
        var nobody = here.Port;
        await here.EndAsync();
        await using var node = await Client.OpenAsync(server.Options(
            1, $$"""{"portal":"127.0.0.1:{{nobody}}","x-blockhost-portals":["127.0.0.1:{{server.Port}}"]}"""));

        Assert.Equal(Client.Noise(Length)[..512], await node.ReadAsync(0, 512));
    }

    private static async Task RestartAsync(TgtServer server)
    {
        await server.EndAsync();
        await server.StartAgainAsync();
    }

    /// <summary>Once the node has connected again; until then requests fail at once.</summary>
    private static async Task<byte[]> ReadSoonAsync(BlockNode node)
    {
        for (var clock = System.Diagnostics.Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            try
            {
                return await node.ReadAsync(0, 512);
            }
            catch (BlockException) when (clock.Elapsed < Client.Soon)
            {
                // Not yet.
            }
        }
    }

    private static async Task<TgtServer> StartAsync()
    {
        var server = await TgtServer.StartAsync();
        await File.WriteAllBytesAsync(server.AddDisk(1, Length), Client.Noise(Length));
        return server;
    }
}
