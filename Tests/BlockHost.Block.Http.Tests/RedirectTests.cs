// SPDX-License-Identifier: MIT
using BlockHost.Block.Http.Tests.Fakes;

namespace BlockHost.Block.Http.Tests;

/// <summary>A redirect is followed when a disk is opened, and then what it led to is the disk.</summary>
public sealed class RedirectTests : IAsyncLifetime
{
    private readonly byte[] _content = Client.Noise(1 << 20);
    private WebServer _origin = null!;
    private WebServer _mirror = null!;

    public Task InitializeAsync()
    {
        (_origin, _mirror) = (new WebServer([]), new WebServer(_content));
        _origin.Habit = _ => To(_mirror.Url);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await _origin.DisposeAsync();
        await _mirror.DisposeAsync();
    }

    [Fact]
    public async Task It_is_followed_once()
    {
        await using var node = await Client.OpenAsync(_origin.Url);

        Assert.Equal(_content[..4096], await node.ReadAsync(0, 4096));
        Assert.Equal(_content[100_000..104_096], await node.ReadAsync(100_000, 4096));
        Assert.Single(_origin.Requests);
    }

    [Fact]
    public async Task It_is_followed_anew_when_the_place_has_gone()
    {
        await using var node = await Client.OpenAsync(_origin.Url);
        await using var other = new WebServer(_content);
        _origin.Habit = _ => To(other.Url);
        _mirror.Habit = _ => new(403, []);

        Assert.Equal(_content[..4096], await node.ReadAsync(0, 4096));
        Assert.Equal(_content[8192..8704], await node.ReadAsync(8192, 512));
        Assert.Equal(2, _origin.Requests.Count);
    }

    [Fact]
    public async Task A_new_place_with_another_version_is_an_error()
    {
        await using var node = await Client.OpenAsync(_origin.Url);
        await using var other = new WebServer(_content);
        other.Habit = request => other.Sane(request) is var sane
            ? sane with { Headers = new(sane.Headers) { ["ETag"] = "\"two\"" } }
            : null;
        _origin.Habit = _ => To(other.Url);
        _mirror.Habit = _ => new(404, []);

        Assert.Equal("The object on the server is not the one that was opened", (await node.ReadErrorAsync()).Message);
    }

    [Fact]
    public async Task Names_passwords_and_cookies_stay_with_the_server_that_they_are_for()
    {
        await using var node = await Client.OpenAsync(
            _origin.Url, """{"username": "me", "password-secret": "s", "cookie": "a=b"}""", Client.With("s", "hidden"));

        await node.ReadAsync(0, 512);

        Assert.All(_origin.Requests, request => Assert.Equal("Basic bWU6aGlkZGVu", request.Headers["authorization"]));
        Assert.All(_origin.Requests, request => Assert.Equal("a=b", request.Headers["cookie"]));
        Assert.All(_mirror.Requests, request => Assert.DoesNotContain("authorization", request.Headers.Keys));
        Assert.All(_mirror.Requests, request => Assert.DoesNotContain("cookie", request.Headers.Keys));
    }

    [Fact]
    public async Task A_circle_ends()
    {
        _origin.Habit = _ => To(_origin.Url);

        Assert.Equal("CURL: Error opening file: Maximum (20) redirects followed", await Client.OpenErrorAsync(_origin.Url));
    }

    [Fact]
    public async Task Only_to_the_web()
    {
        _origin.Habit = _ => To("file:///etc/passwd");

        Assert.Equal(
            "CURL: Error opening file: The server redirects to the protocol 'file'", await Client.OpenErrorAsync(_origin.Url));
    }

    private static WebAnswer To(string url) => new(302, []) { Headers = { ["Location"] = url } };
}
