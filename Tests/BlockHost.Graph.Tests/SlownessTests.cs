// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;
using BlockHost.Jobs.Tests.Support;
using BlockHost.Oracle.Tests.Support;
using Microsoft.Extensions.Logging;

namespace BlockHost.Graph.Tests;

/// <summary>What the log says of requests and drains that take more than five seconds.</summary>
public sealed class SlownessTests : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan OverLimit = TimeSpan.FromSeconds(6.5);

    private readonly ManualClock _clock = new();
    private readonly RecordedLog _log = new();
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TestGraph _graph;

    public SlownessTests()
    {
        _graph = new TestGraph(_clock, _log);
        _graph.Memory.BeforeRequest = async _ => await _held.Task;
    }

    public ValueTask DisposeAsync() => _graph.DisposeAsync();

    [Theory]
    [InlineData(false, "read")]
    [InlineData(true, "write")]
    public async Task A_slow_request_is_a_warning_with_its_node_kind_and_duration(bool writes, string kind)
    {
        var request = await BeginAsync(writes);
        _clock.Advance(OverLimit);
        _held.SetResult();

        Assert.True((await request).IsOk);
        Assert.Equal(Warning($"Node 'disk': a request ({kind}) took 6.5 s"), Lines().Single());
    }

    [Fact]
    public async Task A_slow_request_that_fails_is_as_slow()
    {
        var request = await BeginAsync();
        _clock.Advance(OverLimit);
        _held.SetException(new BlockException(BlockErrorKind.Io, "the disk has gone"));

        Assert.False((await request).IsOk);
        Assert.Equal(
            [Warning("Node 'disk': a request (read) took 6.5 s"), (
                "block", LogLevel.Debug, "Node 'disk': a request (read) failed: the disk has gone")],
            Lines());
    }

    [Fact]
    public async Task A_slow_request_whose_client_gave_up_is_as_slow()
    {
        var request = await BeginAsync();
        _clock.Advance(OverLimit);
        _held.SetCanceled();

        Assert.False((await request).IsOk);
        Assert.Contains(Warning("Node 'disk': a request (read) took 6.5 s"), Lines());
    }

    [Fact]
    public async Task A_request_of_five_seconds_is_not_slow()
    {
        var request = await BeginAsync();
        _clock.Advance(Limit);
        _held.SetResult();

        Assert.True((await request).IsOk);
        Assert.Empty(Lines());
    }

    [Theory]
    [InlineData(true, "node 'disk'")]
    [InlineData(false, "all nodes")]
    public async Task A_drain_that_waits_is_one_warning_with_what_is_drained_while_it_still_waits(bool ofNode, string what)
    {
        var request = await BeginAsync();
        var drain = DrainAsync(ofNode);
        _clock.Advance(Limit);

        Assert.False(drain.IsCompleted);
        Assert.Equal(Warning($"A drain of {what} has waited for 5 s"), Lines().Single());

        _clock.Advance(Limit);
        Assert.Single(Lines());
        _held.SetResult();
        Assert.True((await request).IsOk);
        await (await drain).DisposeAsync();
    }

    [Fact]
    public async Task A_drain_that_ends_in_time_logs_nothing_ever()
    {
        var request = await BeginAsync();
        var drain = DrainAsync(ofNode: true);
        _clock.Advance(Limit - TimeSpan.FromTicks(1));
        _held.SetResult();
        Assert.True((await request).IsOk);
        await using var section = await drain;
        _clock.Advance(OverLimit);

        Assert.Empty(Lines());
        Assert.Equal(0, _clock.Timers);
    }

    [Fact]
    public async Task A_drain_with_nothing_to_wait_for_sets_no_alarm()
    {
        await _graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await using var section = await DrainAsync(ofNode: true);

        Assert.Equal(0, _clock.Timers);
    }

    /// <summary>A request that the driver holds.</summary>
    private async Task<Task<IoStatus>> BeginAsync(bool writes = false)
    {
        await _graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var queue = (await _graph.BackendAsync("disk", TestGraph.Writer)).OpenQueue();
        return (writes ? queue.WriteAsync(0, new byte[512]) : queue.ReadAsync(0, new byte[512])).AsTask();
    }

    private Task<IAsyncDisposable> DrainAsync(bool ofNode) =>
        _graph.Graph.DrainAsync(ofNode ? _graph.Graph.Lookup(null, "disk") : null, CancellationToken.None).AsTask();

    private static (string, LogLevel, string) Warning(string text) => ("block", LogLevel.Warning, text);

    private (string, LogLevel, string)[] Lines() => [.. _log.Entries.Select(entry => (entry.Category, entry.Level, entry.Text))];
}
