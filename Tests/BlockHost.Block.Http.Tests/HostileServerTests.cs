// SPDX-License-Identifier: MIT
using BlockHost.Block.Http.Tests.Fakes;

namespace BlockHost.Block.Http.Tests;

/// <summary>No answer that is not exactly the range asked for reaches a reader.</summary>
public sealed class HostileServerTests : IAsyncLifetime
{
    private const string Once = """{"x-blockhost-retry-time": 0, "readahead": 0}""";
    private const string AnotherRange = "The server answers a range request with another range";
    private const string Changed = "The object on the server is not the one that was opened";

    private readonly byte[] _content = Client.Noise(1 << 20);
    private WebServer _server = null!;

    public Task InitializeAsync()
    {
        _server = new WebServer(_content);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public Task The_whole_object_in_place_of_a_range() => RefusedAsync(
        (request, _) => new(200, _content), "The server answers a range request with something else than the range");

    [Theory]
    [InlineData("bytes 0-511/1048576")]
    [InlineData("bytes 1024-2047/1048576")]
    [InlineData("bytes 513-1024/1048576")]
    [InlineData("bytes 512-511/1048576")]
    [InlineData("bytes 512-/1048576")]
    [InlineData("bytes */1048576")]
    [InlineData("pages 512-1023/1048576")]
    [InlineData("bytes -9223372036854775808-1023/1048576")]
    [InlineData("bytes 512-9223372036854775807/1048576")]
    [InlineData("")]
    public Task Another_range(string range) => RefusedAsync(
        (_, sane) => sane with { Headers = new(sane.Headers) { ["Content-Range"] = range } }, AnotherRange);

    [Fact]
    public Task A_body_longer_than_its_range() =>
        RefusedAsync((_, sane) => sane with { Body = [.. sane.Body, 1, 2, 3] }, AnotherRange);

    [Theory]
    [InlineData("bytes 512-1023/1048577")]
    [InlineData("bytes 512-1023/9223372036854775807")]
    public Task An_object_that_has_another_length_by_now(string range) => RefusedAsync(
        (_, sane) => sane with { Headers = new(sane.Headers) { ["Content-Range"] = range } }, Changed);

    [Fact]
    public Task Another_tag() => RefusedAsync(
        (_, sane) => sane with { Headers = new(sane.Headers) { ["ETag"] = "\"two\"" } }, Changed);

    [Theory]
    [InlineData(412, Changed)]
    [InlineData(416, Changed)]
    [InlineData(404, "The requested URL returned error: 404")]
    [InlineData(500, "The requested URL returned error: 500")]
    [InlineData(302, "The requested URL returned error: 302")]
    public Task A_refusal(int status, string error) => RefusedAsync((_, _) => new(status, []), error);

    [Fact]
    public Task Packed_bytes() => RefusedAsync(
        (_, sane) => sane with { Headers = new(sane.Headers) { ["Content-Encoding"] = "gzip" } },
        "The server sends the object in another encoding ('gzip')");

    [Fact]
    public Task Half_a_body() => RefusedAsync((_, sane) => sane with { CutAt = 100 }, null);

    [Theory]
    [InlineData("-1")]
    [InlineData("9223372036854775808")]
    [InlineData("")]
    [InlineData("one")]
    public async Task A_length_that_is_none(string length)
    {
        _server.Habit = request => _server.Sane(request) is var sane && request.Method == "HEAD"
            ? sane with { Headers = new(sane.Headers) { ["Content-Length"] = length } }
            : new(200, _content);

        Assert.StartsWith("CURL: Error opening file: ", await Client.OpenErrorAsync(_server.Url));
    }

    [Fact]
    public async Task A_length_beyond_all_disks()
    {
        _server.Habit = request => _server.Sane(request) is var sane
            ? sane with { Headers = new(sane.Headers) { ["Content-Length"] = "9223372036854775807" } }
            : null;

        Assert.Equal(
            "The server reports an impossible size of 9223372036854775807 bytes", await Client.OpenErrorAsync(_server.Url));
    }

    [Fact]
    public async Task A_huge_length_is_a_disk_whose_end_can_be_asked_for()
    {
        const long huge = 1L << 62;
        _server.Habit = request => _server.Sane(request with { Headers = new Dictionary<string, string>() }) is var sane
            && request.Method == "HEAD"
            ? sane with { Headers = new(sane.Headers) { ["Content-Length"] = $"{huge}" } }
            : new(206, new byte[512]) { Headers = { ["Content-Range"] = $"bytes {huge - 512}-{huge - 1}/{huge}" } };
        await using var node = await Client.OpenAsync(_server.Url, Once);

        Assert.Equal(new byte[512], await node.ReadAsync(huge - 512, 512));
    }

    [Fact]
    public async Task A_server_without_ranges_is_refused()
    {
        _server.Habit = request => new(200, _content);

        Assert.Equal(
            "CURL: Error opening file: Server does not support 'range' (byte ranges).", await Client.OpenErrorAsync(_server.Url));
    }

    [Fact]
    public async Task A_head_without_a_length_is_asked_for_its_first_byte()
    {
        _server.Habit = request => request.Method == "HEAD" ? new(405, []) : null;
        await using var node = await Client.OpenAsync(_server.Url);

        Assert.Equal(_content.Length, node.Profile.Length);
    }

    private async Task RefusedAsync(Func<WebRequest, WebAnswer, WebAnswer> habit, string? error)
    {
        await using var node = await Client.OpenAsync(_server.Url, Once);
        _server.Habit = request => habit(request, _server.Sane(request));

        var refusal = await node.ReadErrorAsync(512);

        Assert.Equal(Errno.EIO, refusal.Errno);
        if (error is not null)
            Assert.Equal(error, refusal.Message);
        // One bad answer spoils nothing.
        _server.Habit = _ => null;
        Assert.Equal(_content[512..1024], await node.ReadAsync(512, 512));
    }
}
