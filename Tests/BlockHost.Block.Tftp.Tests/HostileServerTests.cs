// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block.Tftp.Tests.Fakes;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Tftp.Tests;

/// <summary>What no sane server sends.</summary>
public sealed class HostileServerTests
{
    private const string Prefix = "TFTP: Error opening file: ";

    [Theory]
    [InlineData("blksize\01429\0", "The server answers with options that were not asked for")]
    [InlineData("blksize\07\0", "The server answers with options that were not asked for")]
    [InlineData("windowsize\017\0", "The server answers with options that were not asked for")]
    [InlineData("windowsize\00\0", "The server answers with options that were not asked for")]
    [InlineData("multicast\01\0", "The server answers with options that were not asked for")]
    [InlineData("tsize\0-1\0", "The server's answer to options is none")]
    [InlineData("tsize\09223372036854775808\0", "The server's answer to options is none")]
    [InlineData("tsize\0", "The server's answer to options is none")]
    [InlineData("tsize", "The server's answer to options is none")]
    public Task An_answer_to_options(string options, string error) =>
        RefusedAsync([0, 6, .. Encoding.ASCII.GetBytes(options)], Prefix + error);

    [Fact]
    public Task A_size_beyond_all_disks() => RefusedAsync(
        [0, 6, .. "tsize\09223372036854775807\0"u8], "The server reports an impossible size of 9223372036854775807 bytes");

    [Fact]
    public Task A_refusal_whose_text_would_do_harm_to_a_terminal() => RefusedAsync(
        [0, 5, 0, 1, .. "no\u001b[2J\0"u8], Prefix + "The server refuses (1): no?[2J");

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0 })]
    [InlineData(new byte[] { 0, 3, 0 })]
    [InlineData(new byte[] { 0, 9, 0, 1 })]
    [InlineData(new byte[] { 0, 4, 0, 1 })]
    [InlineData(new byte[] { 0, 3, 0, 7, 1, 2, 3 })]
    public Task Nothing_that_could_be_meant(byte[] packet) => RefusedAsync(packet, Prefix + "The server does not answer");

    [Fact]
    public async Task More_than_was_announced()
    {
        await using var server = new TftpServer(Client.Noise(20_000));
        byte[] options = [0, 6, .. "tsize\01000\0blksize\01428\0windowsize\016\0"u8];
        server.Fate = (number, packet) => [packet[1] == 6 ? options : packet];
        await using var node = await Client.OpenAsync(server.Url, """{"x-blockhost-retry-time": 0}""");

        var error = await Assert.ThrowsAsync<BlockException>(() => node.ReadAsync(0, 512));

        Assert.Equal("The server sends more than it has announced", error.Message);
    }

    [Fact]
    public async Task A_file_that_is_another_one_when_it_comes_again()
    {
        await using var server = new TftpServer(Client.Noise(100_000));
        server.Fate = (number, packet) => number < 40 ? [packet] : [[0, 5, 0, 0, (byte)'x', 0]];
        await using var node = await Client.OpenAsync(server.Url);
        await node.ReadAsync(0, 512);
        server.Content = [.. server.Content.Reverse()];
        var reading = node.ReadAsync(99_000, 512);
        await Task.Delay(50);
        server.Fate = (_, packet) => [packet];

        var error = await Assert.ThrowsAsync<BlockException>(() => reading);

        Assert.Equal("The file on the server is not the one that was opened", error.Message);
    }

    [Fact]
    public async Task A_yank_ends_waiting()
    {
        await using var server = new TftpServer(Client.Noise(100_000));
        server.Fate = (number, packet) => number < 20 ? [packet] : [];
        var host = new TestPluginHost();
        await using var node = await Client.OpenAsync(server.Url, host: host);
        var reading = node.ReadAsync(99_000, 512);

        host.Yank.YankAll();

        Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => reading)).Kind);
    }

    private static async Task RefusedAsync(byte[] packet, string error)
    {
        await using var server = new TftpServer(Client.Noise(1000));
        server.Fate = (_, _) => [packet];

        Assert.Equal(error, await Client.OpenErrorAsync(server.Url, host: new TestPluginHost { Clock = new FastClock() }));
    }
}
