// SPDX-License-Identifier: MIT
using BlockHost.Block.Http.Tests.Fakes;

namespace BlockHost.Block.Http.Tests;

/// <summary>What passes is waited for, so long as the deadline allows.</summary>
public sealed class RetryTests : IAsyncLifetime
{
    private readonly byte[] _content = Client.Noise(1 << 20);
    private WebServer _server = null!;

    public Task InitializeAsync()
    {
        _server = new WebServer(_content);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_body_that_breaks_off_goes_on_at_the_broken_byte()
    {
        await using var node = await Client.OpenAsync(_server.Url, """{"readahead": 0}""");
        var cuts = 0;
        _server.Habit = request => cuts++ < 3 ? _server.Sane(request) with { CutAt = 1000 } : null;

        Assert.Equal(_content[..65536], await node.ReadAsync(0, 65536));
        var starts = _server.Requests.Where(request => request.Range is not null).Select(request => request.Range!.Value.From);
        Assert.Equal([0, 1000, 2000, 3000], starts);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(429)]
    public async Task A_server_that_is_busy_is_asked_again(int status)
    {
        await using var node = await Client.OpenAsync(_server.Url);
        var refusals = 0;
        _server.Habit = _ => refusals++ < 2 ? new(status, []) : null;

        Assert.Equal(_content[..512], await node.ReadAsync(0, 512));
    }

    [Fact]
    public async Task A_refusal_that_does_not_pass_is_not_asked_again()
    {
        await using var node = await Client.OpenAsync(_server.Url);
        _server.Habit = _ => new(404, []);
        var before = _server.Requests.Count;

        await node.ReadErrorAsync();

        Assert.Equal(before + 1, _server.Requests.Count);
    }

    [Fact]
    public async Task A_server_that_falls_silent_is_left_after_the_timeout_and_asked_again()
    {
        await using var node = await Client.OpenAsync(_server.Url, """{"timeout": 1, "readahead": 0}""");
        var stalls = 0;
        _server.Habit = request => stalls++ < 1 ? _server.Sane(request) with { StallAt = 100 } : null;

        Assert.Equal(_content[..4096], await node.ReadAsync(0, 4096));
    }

    [Fact]
    public async Task Nothing_is_asked_beyond_the_deadline()
    {
        await using var node = await Client.OpenAsync(_server.Url, """{"timeout": 1, "x-blockhost-retry-time": 1}""");
        _server.FallSilent();

        // More than there are connections: those that wait in line have the same deadline.
        var errors = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => node.ReadErrorAsync(i * 8192)));

        Assert.All(errors, error => Assert.StartsWith("Operation timed out", error.Message));
    }

    [Fact]
    public async Task A_reader_that_is_called_off_leaves_its_memory_alone()
    {
        await using var node = await Client.OpenAsync(_server.Url);
        var answer = new TaskCompletionSource();
        _server.Habit = request =>
        {
            answer.Task.Wait();
            return null;
        };
        using var end = new CancellationTokenSource();
        var data = new byte[4096];
        var reading = node.ReadAsync(0, data, ReadFlags.None, end.Token).AsTask();

        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(Client.Soon));
        answer.SetResult();

        Assert.Equal(_content[..4096], await node.ReadAsync(0, 4096));
        Assert.Equal(new byte[4096], data);
    }
}
