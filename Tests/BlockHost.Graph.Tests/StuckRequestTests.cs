// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Core.Block;
using BlockHost.Graph.Tests.Fakes;
using BlockHost.Jobs.Tests.Support;
using BlockHost.Oracle.Tests.Support;
using Microsoft.Extensions.Logging;

namespace BlockHost.Graph.Tests;

/// <summary>Requests that a peer does not answer: found, logged, and given up after their deadline.</summary>
public sealed class StuckRequestTests : IAsyncDisposable
{
    private readonly ManualClock _clock = new();
    private readonly RecordedLog _log = new();
    private readonly RemoteDriver _remote = new();
    private readonly TestGraph _graph;

    public StuckRequestTests()
    {
        _graph = new TestGraph(_clock, _log, _remote);
        _graph.Layer.Allocated["far://host"] = [0];
        _remote.Answer();
    }

    public async ValueTask DisposeAsync()
    {
        _remote.Reading.Answer();
        await _graph.DisposeAsync();
    }

    [Fact]
    public async Task A_request_under_way_is_found_with_its_node_age_and_peer()
    {
        var read = await ReadAsync("{'driver':'layer','node-name':'top','file':{'driver':'remote','node-name':'far'}}", "top");
        _clock.Advance(TimeSpan.FromSeconds(3));

        var stuck = _graph.Graph.RequestsOlderThan(TimeSpan.FromSeconds(2));

        Assert.Equal(
            [("far", 0L, 4096L, 3.0, "far"), ("top", 512L, 1024L, 3.0, "far")],
            stuck.OrderBy(request => request.Node.Name).Select(
                request => (request.Node.Name, request.Request.Offset, request.Request.Bytes, request.Age.TotalSeconds,
                    Assert.Single(request.Peers).Name)));
        Assert.Equal([null, "an unnamed block device"], stuck.OrderBy(request => request.Node.Name).Select(
            request => request.User?.Description));
        Assert.Empty(_graph.Graph.RequestsOlderThan(TimeSpan.FromSeconds(4)));
        _remote.Reading.Answer();
        Assert.True((await read).IsOk);
        Assert.Empty(_graph.Graph.RequestsOlderThan(TimeSpan.Zero));
    }

    [Fact]
    public async Task A_request_that_waits_too_long_is_logged_once_for_its_user_and_once_for_its_peer()
    {
        using var watch = new RequestWatch(_graph.Graph, TimeSpan.FromSeconds(10));
        var read = await ReadAsync("{'driver':'remote','node-name':'far'}", "far");

        for (var second = 0; second < 30; second++)
            _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(
            Enumerable.Repeat("Node 'far': a request (read) has waited for 10 s: it may wait for far (far://host)", 2), Warnings());
        _remote.Reading.Answer();
        Assert.True((await read).IsOk);
    }

    [Theory]
    [InlineData("{'driver':'remote','node-name':'far','x-blockhost-deadline':5}", "far")]
    [InlineData(
        "{'driver':'layer','node-name':'top','x-blockhost-deadline':5,'file':{'driver':'remote','node-name':'far'}}", "top")]
    public async Task A_request_that_misses_its_deadline_has_its_peer_given_up(string options, string node)
    {
        var read = await ReadAsync(options, node);
        _clock.Advance(TimeSpan.FromSeconds(4.5));
        Assert.False(read.IsCompleted);

        _clock.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(Errno.EIO, (await read).Errno);
        Assert.Contains(
            $"Node '{node}': a request (read) has missed its deadline after 5.5 s: the peer is given up", Warnings());
    }

    [Fact]
    public async Task A_request_in_time_leaves_its_peer_alone()
    {
        var read = await ReadAsync("{'driver':'remote','node-name':'far','x-blockhost-deadline':5}", "far");
        _clock.Advance(TimeSpan.FromSeconds(4));
        _remote.Reading.Answer();
        Assert.True((await read).IsOk);

        _clock.Advance(TimeSpan.FromSeconds(60));

        Assert.Empty(Warnings());
    }

    [Theory]
    [InlineData("{'driver':'memory','node-name':'disk','x-blockhost-deadline':5}", "'x-blockhost-deadline' is for nodes that can be yanked, and no peer of node 'disk' can be given up")]
    [InlineData("{'driver':'remote','node-name':'far','x-blockhost-deadline':0}", "Parameter 'x-blockhost-deadline' expects a number of seconds from 1 to 86400")]
    [InlineData("{'driver':'remote','node-name':'far','x-blockhost-deadline':86401}", "Parameter 'x-blockhost-deadline' expects a number of seconds from 1 to 86400")]
    public async Task A_deadline_that_makes_no_sense_is_refused(string options, string error)
    {
        var refused = await Assert.ThrowsAsync<BlockException>(() => _graph.AddAsync(options));

        Assert.Equal(error, refused.Message);
        Assert.Empty(_graph.Yank.List());
    }

    [Fact]
    public async Task A_storage_below_has_no_deadline_of_the_nodes_above()
    {
        await _graph.AddAsync(
            "{'driver':'layer','node-name':'top','x-blockhost-deadline':5,'file':{'driver':'remote','node-name':'far'}}");

        Assert.False(_graph.Graph.Lookup(null, "far").Options.TryGetProperty("x-blockhost-deadline", out _));
        Assert.Equal(5, _graph.Graph.Lookup(null, "top").Options.GetProperty("x-blockhost-deadline").GetInt32());
    }

    private async Task<Task<IoStatus>> ReadAsync(string options, string node)
    {
        await _graph.AddAsync(options);
        _remote.Reading.Hold();
        var read = (await _graph.BackendAsync(node, TestGraph.Reader)).OpenQueue().ReadAsync(512, new byte[1024]).AsTask();
        await _remote.Reading.Arrived;
        return read;
    }

    private string[] Warnings() =>
        [.. _log.Entries.Where(entry => entry.Level == LogLevel.Warning).Select(entry => entry.Text)];
}
