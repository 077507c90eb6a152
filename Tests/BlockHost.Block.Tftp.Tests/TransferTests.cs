// SPDX-License-Identifier: MIT
using BlockHost.Block.Tftp.Tests.Fakes;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Tftp.Tests;

/// <summary>A file comes whole, whatever happens to packets.</summary>
public sealed class TransferTests
{
    private static readonly byte[] Content = Client.Noise(300_001);

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"windowsize": 1}""")]
    [InlineData("""{"blksize": 512, "windowsize": 64}""")]
    [InlineData("""{"blksize": 8192}""")]
    public Task As_it_should(string options) => ComesAsync(_ => { }, options);

    [Fact]
    public Task From_a_server_without_options() => ComesAsync(server => server.Knows.Clear());

    [Fact]
    public Task From_a_server_that_does_not_say_how_much_comes() => ComesAsync(server => server.Knows.Remove("tsize"));

    [Theory]
    [InlineData(3)]
    [InlineData(10)]
    [InlineData(37)]
    public Task Every_so_many_packets_are_lost(int each) =>
        ComesAsync(server => server.Fate = (number, packet) => number % each == each - 1 ? [] : [packet], shorter: true);

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public Task Every_so_many_answers_are_lost(int each) =>
        ComesAsync(server => server.LosesAnswer = number => number % each == each - 1, shorter: true);

    [Fact]
    public Task Every_packet_comes_twice() => ComesAsync(server => server.Fate = (_, packet) => [packet, packet]);

    [Theory]
    [InlineData(0)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(1024)]
    public async Task A_file_of_whole_blocks_ends_with_an_empty_one(int length)
    {
        var content = Client.Noise(length);
        await using var server = new TftpServer(content);
        await using var node = await Client.OpenAsync(server.Url, """{"blksize": 512}""");

        Assert.Equal(content, (await node.ReadAsync(0, (int)node.Profile.Length))[..length]);
    }

    [Theory]
    [InlineData(false, 16)]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    public async Task Numbers_of_blocks_begin_again(bool toOne, int window)
    {
        // Blocks of 8 bytes, so that 65,536 are soon there.
        var content = Client.Noise(70_000 * 8);
        await using var server = new TftpServer(content) { RollsToOne = toOne };
        await using var node = await Client.OpenAsync(server.Url, $$"""{"blksize": 8, "windowsize": {{window}}}""");

        Assert.Equal(content, (await node.ReadAsync(0, (int)node.Profile.Length))[..content.Length]);
    }

    [Fact]
    public async Task A_file_that_takes_longer_than_a_request_is_tried_comes_whole()
    {
        var clock = new ManualClock();
        var content = Client.Noise(16 * 512);
        // Each packet takes seconds, and all of them more than the thirty of x-blockhost-retry-time.
        await using var server = new TftpServer(content)
        {
            Fate = (_, packet) =>
            {
                Thread.Sleep(10);
                clock.Advance(TimeSpan.FromSeconds(2.5));
                return [packet];
            },
        };
        await using var node = await Client.OpenAsync(
            server.Url, """{"blksize": 512, "windowsize": 1, "timeout": 60}""", new TestPluginHost { Clock = clock });

        Assert.Equal(content, await node.ReadAsync(0, content.Length));
    }

    [Fact]
    public async Task What_has_come_can_be_read_anywhere_and_comes_once()
    {
        await using var server = new TftpServer(Content);
        await using var node = await Client.OpenAsync(server.Url);

        Assert.Equal(Content[299_000..300_001], (await node.ReadAsync(299_000, 1001)));
        Assert.Equal(Content[..512], await node.ReadAsync(0, 512));
        Assert.Equal(1, server.Requests);
    }

    private static async Task ComesAsync(Action<TftpServer> set, string options = "{}", bool shorter = false)
    {
        var content = shorter ? Content[..40_000] : Content;
        await using var server = new TftpServer(content);
        set(server);
        await using var node = await Client.OpenAsync(server.Url, options);

        Assert.Equal(content, (await node.ReadAsync(0, (int)node.Profile.Length))[..content.Length]);
    }
}
