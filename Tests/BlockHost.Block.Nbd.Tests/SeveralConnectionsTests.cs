// SPDX-License-Identifier: MIT
using BlockHost.Block.Nbd.Tests.Fakes;
using BlockHost.Nbd;
using BlockHost.Plugins.Block.Nbd.Client;

namespace BlockHost.Block.Nbd.Tests;

/// <summary>
/// A server that allows several connections gets more of them once the first has more to do than is done at once.
/// </summary>
public sealed class SeveralConnectionsTests : IAsyncDisposable
{
    private const int Block = 4096;

    private readonly MemoryServer _server = new(256 * Block);

    public SeveralConnectionsTests()
    {
        _server.Habits.Flags |= TransmissionFlags.CanMultiConn;
        _server.Start();
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task One_is_enough_for_few_requests()
    {
        await using var node = await Client.OpenAsync(_server);

        await WriteManyAsync(node, ClientGroup.Busy);

        Assert.Equal(1, _server.Connections);
    }

    [Theory]
    [InlineData("", 4)]
    [InlineData(",\"x-blockhost-connections\":2", 2)]
    [InlineData(",\"x-blockhost-connections\":1", 1)]
    public async Task Deep_queues_are_shared_out_and_nothing_is_lost(string more, int connections)
    {
        await using var node = await Client.OpenAsync(_server, more);

        for (var round = 0; round < 200 && _server.Connections < connections; round++)
            await WriteManyAsync(node, 100);
        await WriteManyAsync(node, 200);

        Assert.Equal(connections, _server.Connections);
        for (var i = 0; i < 200; i++)
            Assert.All(await node.ReadAsync(i * Block, Block), value => Assert.Equal((byte)(i + 1), value));
    }

    [Fact]
    public async Task A_server_that_does_not_allow_it_gets_no_second_connection()
    {
        _server.Habits.Flags &= ~TransmissionFlags.CanMultiConn;
        await using var node = await Client.OpenAsync(_server);

        for (var round = 0; round < 20; round++)
            await WriteManyAsync(node, 100);

        Assert.Equal(1, _server.Connections);
    }

    [Fact]
    public async Task A_second_connection_that_finds_another_export_is_not_used()
    {
        await using var node = await Client.OpenAsync(_server);
        _server.Disk = new byte[128 * Block];

        for (var round = 0; round < 20; round++)
            await WriteManyAsync(node, 100);

        Assert.Equal(100, await node.ReadAsync(99 * Block, 1) is [var value] ? value : 0);
        Assert.InRange(_server.Connections, 1, 2);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(17)]
    public async Task The_number_has_bounds(int connections)
    {
        var error = await Assert.ThrowsAsync<BlockException>(
            () => Client.OpenAsync(_server, $",\"x-blockhost-connections\":{connections}"));

        Assert.Equal("x-blockhost-connections", error.Parameter!.Name);
    }

    [Fact]
    public async Task A_yank_ends_all_of_them()
    {
        var context = new Conformance.TestHost.TestNodeContext(new Conformance.TestHost.TestPluginHost());
        await using var node = await Client.OpenAsync(_server, "", context);
        for (var round = 0; round < 200 && _server.Connections < 2; round++)
            await WriteManyAsync(node, 100);
        _server.Habits.FallSilent();
        var reads = Enumerable.Range(0, 100).Select(i => node.ReadAsync(i * Block, Block)).ToArray();

        ((Conformance.TestHost.TestPluginHost)context.Host).Yank.YankAll();

        foreach (var read in reads)
            Assert.Equal(
                BlockErrorKind.Yanked,
                (await Assert.ThrowsAsync<BlockException>(() => read.WaitAsync(TimeSpan.FromSeconds(30)))).Kind);
    }

    private static async Task WriteManyAsync(BlockNode node, int count) =>
        await Task.WhenAll(Enumerable.Range(0, count).Select(i =>
        {
            var data = new byte[Block];
            data.AsSpan().Fill((byte)(i + 1));
            return node.WriteAsync(i * Block, data).AsTask();
        }));
}
