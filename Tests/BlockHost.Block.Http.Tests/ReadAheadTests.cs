// SPDX-License-Identifier: MIT
using BlockHost.Block.Http.Tests.Fakes;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Http.Tests;

/// <summary>Who reads on and on finds what follows there; who reads here and there gets what he asks for.</summary>
public sealed class ReadAheadTests : IAsyncLifetime
{
    private readonly byte[] _content = Client.Noise(8 << 20);
    private WebServer _server = null!;

    public Task InitializeAsync()
    {
        _server = new WebServer(_content);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData(4096)]
    [InlineData(65536)]
    [InlineData(2 << 20)]
    public async Task The_whole_object_in_a_row(int step)
    {
        await using var node = await Client.OpenAsync(_server.Url);

        for (var at = 0; at < _content.Length; at += step)
            Assert.Equal(_content[at..(at + step)], await node.ReadAsync(at, step));
    }

    [Fact]
    public async Task Small_requests_in_a_row_become_few_large_ones()
    {
        await using var node = await Client.OpenAsync(_server.Url);

        for (var at = 0; at < _content.Length; at += 4096)
            await node.ReadAsync(at, 4096);

        Assert.InRange(Ranges().Count, 8, 64);
    }

    [Fact]
    public async Task What_is_there_already_is_read_without_an_allocation()
    {
        await using var node = await Client.OpenAsync(_server.Url);
        var target = new byte[512];
        for (var at = 0; at < 64 << 10; at += 4096)
            await node.ReadAsync(at, 4096);

        Assert.Equal(0, Allocations.Of(() => node.ReadAsync(64 << 10, target, ReadFlags.None, default).GetAwaiter().GetResult()));
        Assert.Equal(_content[(64 << 10)..((64 << 10) + 512)], target);
    }

    [Fact]
    public async Task Requests_here_and_there_are_fetched_as_they_are()
    {
        await using var node = await Client.OpenAsync(_server.Url);
        int[] places = [5 << 20, 1 << 20, 7 << 20, 3 << 20];

        foreach (var place in places)
            await node.ReadAsync(place, 4096);

        Assert.Equal(places.Select(place => (place, place + 4095)), Ranges());
    }

    [Fact]
    public async Task Many_readers_at_once_and_in_any_order()
    {
        await using var node = await Client.OpenAsync(_server.Url);
        var random = new Random(7);

        for (var round = 0; round < 20; round++)
        {
            var reads = Enumerable.Range(0, 32).Select(async i =>
            {
                var bytes = random.Next(1, 300_000);
                var at = i % 2 == 0 ? round * 300_000 : random.Next(_content.Length - bytes);
                Assert.Equal(_content[at..(at + bytes)], await node.ReadAsync(at, bytes));
            });
            await Task.WhenAll(reads.ToArray());
        }
    }

    [Fact]
    public async Task A_drain_ends_what_nobody_waits_for()
    {
        var host = new TestPluginHost();
        await using var node = await Client.OpenAsync(_server.Url, host: host);
        _server.Habit = request => request.Range is { From: >= 1 << 20 } ? _server.Sane(request) with { StallAt = 10 } : null;
        for (var at = 0; at < 1 << 20; at += 65536)
            await node.ReadAsync(at, 65536);

        await node.DrainBeginAsync(CancellationToken.None).AsTask().WaitAsync(Client.Soon);
        _server.Habit = _ => null;
        node.DrainEnd();

        Assert.Equal(_content[(1 << 20)..((1 << 20) + 512)], await node.ReadAsync(1 << 20, 512));
    }

    [Fact]
    public async Task Every_buffer_goes_back()
    {
        var host = new TestPluginHost();
        await using (var node = await Client.OpenAsync(_server.Url, host: host))
        {
            for (var at = 0; at < 4 << 20; at += 65536)
                await node.ReadAsync(at, 65536);
        }

        Assert.Equal((0, 0), (host.Buffers.Outstanding, (int)host.Memory.Used));
    }

    private List<(int From, int To)> Ranges() =>
        [.. _server.Requests.Where(request => request.Range is not null).Select(request => request.Range!.Value)];
}
