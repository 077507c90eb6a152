// SPDX-License-Identifier: MIT
using BlockHost.Block.Ftp.Tests.Fakes;

namespace BlockHost.Block.Ftp.Tests;

/// <summary>What is asked of a server, and what is made of what it answers.</summary>
public sealed class FileServerTests : IAsyncLifetime
{
    private readonly byte[] _content = Client.Noise(1 << 20);
    private FileServer _server = null!;

    public Task InitializeAsync()
    {
        _server = new FileServer(_content);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_sequential_reader_has_a_transfer_of_his_own_or_two()
    {
        await using var node = await Client.OpenAsync(_server.Url);

        for (var at = 0; at < _content.Length; at += 65536)
            Assert.Equal(_content[at..(at + 65536)], await node.ReadAsync(at, 65536));

        // The second begins with the first chunk.
        Assert.InRange(_server.Commands.Count(command => command == "RETR folder/disk"), 1, 2);
    }

    [Fact]
    public async Task A_reader_here_and_there_starts_in_the_middle()
    {
        await using var node = await Client.OpenAsync(_server.Url);

        Assert.Equal(_content[700_000..700_512], await node.ReadAsync(700_000, 512));
        Assert.Equal(_content[..512], await node.ReadAsync(0, 512));
        Assert.Contains("REST 700000", _server.Commands);
        Assert.Contains("REST 0", _server.Commands);
    }

    [Fact]
    public async Task A_transfer_that_breaks_off_goes_on()
    {
        _server.CutAt = 50_000;
        await using var node = await Client.OpenAsync(_server.Url);

        Assert.Equal(_content[..200_000], await node.ReadAsync(0, 200_000));
        Assert.Contains("REST 50000", _server.Commands);
    }

    [Fact]
    public async Task A_file_that_changes_is_an_error_and_never_a_mix()
    {
        await using var node = await Client.OpenAsync(_server.Url);
        await node.ReadAsync(700_000, 512);
        _server.Changed = "20260202000000";

        var error = await Assert.ThrowsAsync<BlockException>(() => node.ReadAsync(0, 512));

        Assert.Equal("The file on the server is not the one that was opened", error.Message);
    }

    [Fact]
    public async Task The_address_of_a_data_connection_is_the_servers_whatever_it_says()
    {
        _server.Habit = verb => verb switch
        {
            "EPSV" => "500 never heard of",
            "PASV" => "227 Entering (192,0,2,1,{port})",
            _ => null,
        };
        await using var node = await Client.OpenAsync(_server.Url);

        Assert.Equal(_content[..4096], await node.ReadAsync(0, 4096));
    }

    [Theory]
    [InlineData("", "421 later", "The server is not ready: 421")]
    [InlineData("", "hello", "Weird server reply")]
    [InlineData("USER", "530 no", "Access denied: 530")]
    [InlineData("PASS", "530 no", "Access denied: 530")]
    [InlineData("TYPE", "504 no", "Couldn't set desired mode: 504")]
    [InlineData("SIZE", "550 no", "Server didn't report file size.")]
    [InlineData("SIZE", "213 -1", "Server didn't report file size.")]
    [InlineData("SIZE", "213 9223372036854775808", "Server didn't report file size.")]
    public async Task A_refusal_while_it_opens(string verb, string answer, string error)
    {
        _server.Habit = asked => asked == verb ? answer : null;

        Assert.Equal("CURL: Error opening file: " + error, await Client.OpenErrorAsync(_server.Url));
    }

    [Fact]
    public async Task A_reply_without_an_end()
    {
        _server.Habit = verb => verb == "USER" ? string.Join("\r\n", Enumerable.Repeat("331-on and on", 1000)) : null;

        Assert.Equal(
            "CURL: Error opening file: A reply of the server has no end", await Client.OpenErrorAsync(_server.Url));
    }

    [Fact]
    public async Task A_line_without_an_end()
    {
        _server.Habit = verb => verb == "USER" ? new string('3', 100_000) : null;

        Assert.Equal("CURL: Error opening file: A line of the server has no end", await Client.OpenErrorAsync(_server.Url));
    }

    [Theory]
    [InlineData("EPSV", "229 Entering (|||0|)")]
    [InlineData("EPSV", "229 Entering (|||65536|)")]
    [InlineData("RETR", "550 no")]
    [InlineData("REST", "502 no")]
    public async Task A_refusal_while_it_is_read(string verb, string answer)
    {
        await using var node = await Client.OpenAsync(_server.Url, """{"x-blockhost-retry-time": 0}""");
        _server.Habit = asked => asked == verb ? answer : null;

        Assert.Equal(Errno.EIO, (await Assert.ThrowsAsync<BlockException>(() => node.ReadAsync(4096, 512))).Errno);
    }

    [Theory]
    [InlineData("ftp://127.0.0.1:1/a%0D%0ADELE%20b")]
    [InlineData("ftp://a%0D%0ADELE:b@127.0.0.1:1/a")]
    public async Task No_second_command_fits_into_a_url(string url) => Assert.Equal(
        "The URL has characters that no FTP command can have", await Client.OpenErrorAsync(url));
}
