// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Http.Tests.Fakes;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Http;

namespace BlockHost.Block.Http.Tests;

/// <summary>Options and what is wrong with them, in QEMU's words.</summary>
public sealed class OptionsTests
{
    [Theory]
    [InlineData("""{"timeout": 10001}""", "timeout parameter is too large or negative")]
    [InlineData("""{"timeout": -1}""", "timeout parameter is too large or negative")]
    [InlineData("""{"readahead": 1000}""", "HTTP_READAHEAD_SIZE 1000 is not a multiple of 512")]
    [InlineData("""{"readahead": -512}""", "HTTP_READAHEAD_SIZE -512 is not a multiple of 512")]
    [InlineData("""{"cookie": "a", "cookie-secret": "b"}""", "curl driver cannot handle both cookie and cookie secret")]
    [InlineData("""{"cookie-secret": "b"}""", "No secret with id 'b'")]
    [InlineData("""{"password-secret": "b"}""", "No secret with id 'b'")]
    [InlineData("""{"proxy-password-secret": "b"}""", "No secret with id 'b'")]
    [InlineData("""{"cookie": "a\r\nHost: b"}""", "A cookie has characters that no header can have")]
    [InlineData(
        """{"x-blockhost-connections": 65}""", "Parameter 'x-blockhost-connections' expects a number from 1 to 64")]
    public async Task What_cannot_be(string options, string error) =>
        Assert.Equal(error, await Client.OpenErrorAsync("http://127.0.0.1:1/x", options));

    [Theory]
    [InlineData("https://127.0.0.1/x")]
    [InlineData("HTTP://127.0.0.1/x")]
    [InlineData("x")]
    public async Task A_url_of_another_protocol(string url)
    {
        var context = new TestNodeContext(new TestPluginHost()) { ReadOnly = true };
        var error = await Assert.ThrowsAsync<BlockException>(
            () => new HttpDriver().OpenAsync(context, Client.Options(url), CancellationToken.None).AsTask());

        Assert.Equal($"http curl driver cannot handle the URL '{url}' (does not start with 'http://')", error.Message);
    }

    [Fact]
    public void A_url_has_to_be_given() => Assert.Equal(
        "curl block driver requires an 'url' option",
        Assert.Throws<BlockException>(() => new HttpDriver().Modernise(JsonElement.Parse("{}"))).Message);

    [Fact]
    public async Task It_cannot_be_written()
    {
        var context = new TestNodeContext(new TestPluginHost());
        var error = await Assert.ThrowsAsync<BlockException>(
            () => new HttpDriver().OpenAsync(context, Client.Options("http://127.0.0.1:1/x"), CancellationToken.None).AsTask());

        Assert.Equal("curl driver does not support writes", error.Message);
    }

    [Theory]
    [InlineData("{}", true)]
    [InlineData("""{"readahead": 512, "timeout": 9}""", true)]
    [InlineData("""{"cookie": "a"}""", false)]
    [InlineData("""{"username": "a"}""", false)]
    public async Task A_node_has_a_plain_name_where_that_opens_it_again(string options, bool hasName)
    {
        await using var server = new WebServer(new byte[512]);
        await using var node = await Client.OpenAsync(server.Url, options);

        Assert.Equal(hasName ? server.Url : null, node.FileName);
    }

    [Fact]
    public async Task A_name_and_a_password_in_the_url_are_sent_and_not_shown()
    {
        await using var server = new WebServer(new byte[512]);
        server.Habit = request => request.Headers.TryGetValue("authorization", out var login) && login == "Basic dTpwIA=="
            ? new(500, [])
            : new(401, []);

        var error = await Client.OpenErrorAsync($"http://u:p%20@127.0.0.1:{server.Port}/disk");

        Assert.Equal("CURL: Error opening file: The requested URL returned error: 500", error);
    }

    [Fact]
    public async Task A_length_that_is_no_multiple_of_a_sector_ends_in_zeroes()
    {
        var content = Client.Noise(1000);
        await using var server = new WebServer(content);
        await using var node = await Client.OpenAsync(server.Url);

        Assert.Equal(1024, node.Profile.Length);
        byte[] padded = [.. content, .. new byte[24]];
        Assert.Equal(padded, await node.ReadAsync(0, 1024));
    }

    [Fact]
    public async Task An_empty_object_is_an_empty_disk()
    {
        await using var server = new WebServer([]);
        await using var node = await Client.OpenAsync(server.Url);

        Assert.Equal(0, node.Profile.Length);
    }
}
