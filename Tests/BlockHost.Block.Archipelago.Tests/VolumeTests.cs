// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Archipelago.Peer;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Archipelago.Tests;

/// <summary>The driver "archipelago" beside a peer in a process of its own.</summary>
public sealed class VolumeTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_volume_is_written_read_and_flushed()
    {
        await using var peer = await PeerProcess.StartAsync();
        var written = Bytes(300_032);
        await using (var node = await peer.OpenAsync())
        {
            Assert.Equal(PeerProcess.VolumeSize, node.Profile.Length);
            await node.WriteAsync(512, written, WriteFlags.None, default);
            await node.FlushAsync(default);
        }

        await using var again = await peer.OpenAsync(readOnly: true);
        Assert.Equal(written, await ReadAsync(again, 512, written.Length));
        Assert.False(again.Profile.Writable);
    }

    [Fact]
    public async Task Many_requests_at_once_come_back_to_who_asked()
    {
        await using var peer = await PeerProcess.StartAsync();
        await using var node = await peer.OpenAsync();
        const int Count = 200;
        const int Size = 4096;

        await Task.WhenAll(Enumerable.Range(0, Count).Select(
            i => node.WriteAsync(i * Size, Bytes(Size, i), WriteFlags.None, default).AsTask()));
        var read = await Task.WhenAll(Enumerable.Range(0, Count).Select(i => ReadAsync(node, i * Size, Size)));

        for (var i = 0; i < Count; i++)
            Assert.Equal(Bytes(Size, i), read[i]);
    }

    [Fact]
    public async Task Two_nodes_share_a_segment_and_leave_nothing_behind()
    {
        await using var peer = await PeerProcess.StartAsync();
        var before = peer.Pipes().Length;
        for (var round = 0; round < 3; round++)
        {
            await using var one = await peer.OpenAsync();
            await using var other = await peer.OpenAsync();
            await one.WriteAsync(0, Bytes(512, round), WriteFlags.None, default);
            Assert.Equal(Bytes(512, round), await ReadAsync(other, 0, 512));
        }

        Assert.Equal(before, peer.Pipes().Length);
        Assert.Equal(0, peer.Host.Buffers.Outstanding);
    }

    [Theory]
    [InlineData(PeerMode.Fails, "The peer at port 501 could not do the request")]
    [InlineData(PeerMode.Short, "The peer at port 501 did 511 of 512 bytes")]
    [InlineData(PeerMode.Lies, "The shared memory segment is damaged: ")]
    public async Task A_reply_is_not_believed(PeerMode mode, string message)
    {
        await using var peer = await PeerProcess.StartAsync();
        await using var node = await peer.OpenAsync();
        await peer.SwitchAsync(mode);

        var e = await Assert.ThrowsAsync<BlockException>(() => ReadAsync(node, 0, 512));

        Assert.StartsWith(message, e.Message);
        await peer.SwitchAsync(PeerMode.Serves);
        Assert.Equal(new byte[512], await ReadAsync(node, 0, 512));
    }

    [Fact]
    public async Task A_request_without_an_answer_ends_and_its_late_answer_does_no_harm()
    {
        await using var peer = await PeerProcess.StartAsync();
        await using var node = await peer.OpenAsync(options: o => o["x-blockhost-timeout"] = 1);
        await peer.SwitchAsync(PeerMode.Silent);
        var target = new byte[512];

        var e = await Assert.ThrowsAsync<BlockException>(
            () => node.ReadAsync(0, target, ReadFlags.None, default).AsTask().WaitAsync(Soon));
        await peer.SwitchAsync(PeerMode.Recovers);

        Assert.Equal(("The peer at port 501 has not answered for 1 seconds", Errno.ETIMEDOUT), (e.Message, e.Errno));
        await node.WriteAsync(0, Bytes(512), WriteFlags.None, default);
        Assert.Equal(Bytes(512), await ReadAsync(node, 0, 512));
        Assert.Equal(new byte[512], target);
    }

    [Theory]
    [InlineData("nothing", PeerProcess.Segment, "The peer at port 1001 could not do the request")]
    [InlineData("vol", "elsewhere", "Cannot join XSEG shared memory segment 'elsewhere': Could not open '")]
    public async Task What_is_not_there_is_refused(string volume, string segment, string message)
    {
        await using var peer = await PeerProcess.StartAsync();

        var e = await Assert.ThrowsAsync<BlockException>(() => peer.OpenAsync(volume, segment));

        Assert.StartsWith(message, e.Message);
        Assert.Single(peer.Pipes());
    }

    [Theory]
    [InlineData(513)]
    [InlineData(0)]
    public async Task A_size_is_whole_sectors(int size)
    {
        await using var peer = await PeerProcess.StartAsync(size);
        if (size % 512 == 0)
        {
            await using var node = await peer.OpenAsync();
            Assert.Equal(size, node.Profile.Length);
            return;
        }

        var e = await Assert.ThrowsAsync<BlockException>(() => peer.OpenAsync());
        Assert.Equal($"The volume has an impossible size of {size} bytes", e.Message);
    }

    [Fact]
    public async Task A_reopen_changes_the_access_and_nothing_else()
    {
        await using var peer = await PeerProcess.StartAsync();
        await using var node = await peer.OpenAsync();
        var reopen = (IReopenable)node;
        var context = new TestNodeContext(peer.Host) { ReadOnly = true };

        (await reopen.PrepareReopenAsync(context, Json("""{"volume":"vol","segment":"node"}"""), default)).Commit();

        Assert.False(node.Profile.Writable);
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await reopen.PrepareReopenAsync(context, Json("""{"volume":"other","segment":"node"}"""), default));
        Assert.Equal("Cannot change the option 'volume'", e.Message);
    }

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    private static byte[] Bytes(int length, int seed = 1)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static async Task<byte[]> ReadAsync(BlockNode node, long offset, int length)
    {
        var read = new byte[length];
        await node.ReadAsync(offset, read, ReadFlags.None, default);
        return read;
    }
}
