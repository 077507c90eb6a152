// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Ssh.Tests.RealServers;

/// <summary>Connections are lost, and the disk is still the same one.</summary>
public sealed class LostConnectionTests
{
    private static readonly byte[] Content = Client.Noise(1 << 20);

    [SkippableFact]
    public async Task Requests_go_on_over_the_next_connection()
    {
        await using var server = await StartAsync();
        await using var node = await Client.OpenAsync(server.Options("disk"));

        for (var round = 0; round < 3; round++)
        {
            server.Cut();
            Assert.Equal(Content[..65536], await node.ReadAsync(0, 65536));
        }
    }

    [SkippableFact]
    public async Task What_was_not_flushed_when_the_connection_was_lost_fails_the_next_flush_once()
    {
        await using var server = await StartAsync();
        await using var node = await Client.OpenAsync(server.Options("disk"));
        await node.WriteAsync(0, new byte[512]);
        await node.FlushAsync();
        await node.WriteAsync(512, new byte[512]);

        server.Cut();
        var error = await Assert.ThrowsAsync<BlockException>(() => node.FlushAsync());

        Assert.Equal("The connection was lost before data was flushed: the server may not have kept it", error.Message);
        await node.FlushAsync();
        server.Cut();
        await node.FlushAsync();
    }

    [SkippableFact]
    public async Task Where_nobody_is_any_more_a_request_fails_when_its_time_is_over()
    {
        await using var server = await StartAsync();
        await using var node = await Client.OpenAsync(server.Options("disk", """{"x-blockhost-retry-time": 1}"""));

        await server.EndAsync();
        var error = await Assert.ThrowsAsync<BlockException>(() => node.ReadAsync(0, 512));

        Assert.Equal($"Failed to connect to '127.0.0.1:{server.Port}': Connection refused", error.Message);
        await server.RunAsync();
        Assert.Equal(Content[..512], await node.ReadAsync(0, 512));
    }

    [SkippableFact]
    public async Task A_server_that_stands_still_fails_a_request_when_its_time_is_over()
    {
        await using var server = await StartAsync();
        await using var node = await Client.OpenAsync(server.Options("disk", """{"x-blockhost-retry-time": 1}"""));

        server.FallSilent();
        var error = await Assert.ThrowsAsync<BlockException>(() => node.ReadAsync(0, 512));

        Assert.Equal("The SFTP server does not answer", error.Message);
        // It was not ssh that has given up.
        Assert.NotEmpty(Processes.WithArgument(server.ClientConfig));
        server.GoOn();
        Assert.Equal(Content[..512], await node.ReadAsync(0, 512));
    }

    [SkippableFact]
    public async Task A_yank_lets_go_at_once_of_what_waits()
    {
        await using var server = await StartAsync();
        var host = new TestPluginHost();
        await using var node = await Client.OpenAsync(server.Options("disk"), host);
        server.FallSilent();
        var reading = node.ReadAsync(0, 512);
        var flushing = node.FlushAsync();

        host.Yank.YankAll();

        foreach (var request in new[] { reading, flushing })
            Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => request)).Kind);
    }

    [SkippableFact]
    public async Task Nothing_runs_any_more_when_a_node_is_closed()
    {
        await using var server = await StartAsync();
        var node = await Client.OpenAsync(server.Options("disk"));
        Assert.NotEmpty(Processes.WithArgument(server.ClientConfig));

        await node.DisposeAsync();

        Assert.Empty(Processes.WithArgument(server.ClientConfig));
    }

    private static async Task<SshServer> StartAsync()
    {
        var server = await SshServer.StartAsync();
        await File.WriteAllBytesAsync(server["disk"], Content);
        return server;
    }
}
