// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Block.Archipelago.Tests;

/// <summary>
/// Nobody waits for ever: every state of the peer beside opening, requests and closing. Each ends by itself and says why, a
/// yank ends it at once, and nothing is left to be yanked.
/// </summary>
public sealed class HangTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    public static TheoryData<PeerState> States => [.. Enum.GetValues<PeerState>()];

    [Theory]
    [MemberData(nameof(States))]
    public async Task An_opening_ends_and_says_why(PeerState state)
    {
        await using var peer = await PeerProcess.StartAsync();
        await peer.HangAsync(state);

        var e = await Assert.ThrowsAsync<BlockException>(
            () => peer.OpenAsync(options: o => o["x-blockhost-timeout"] = 1).WaitAsync(Soon));

        Assert.Contains(
            state == PeerState.HoldsLock ? "holds a lock of the segment" : "The peer at port 1001 has not answered", e.Message);
        Assert.Equal((0, 0), (peer.Host.Yank.Count, peer.Host.Buffers.Outstanding));
    }

    [Theory]
    [MemberData(nameof(States))]
    public async Task A_request_ends_and_says_why_and_the_node_closes(PeerState state)
    {
        await using var peer = await PeerProcess.StartAsync();
        var node = await peer.OpenAsync(options: o => o["x-blockhost-timeout"] = 1);
        await peer.HangAsync(state);

        var e = await Assert.ThrowsAsync<BlockException>(() => ReadAsync(node).WaitAsync(Soon));

        Assert.Equal("The peer at port 501 has not answered for 1 seconds", e.Message);
        await node.DisposeAsync().AsTask().WaitAsync(Soon);
    }

    [Theory]
    [MemberData(nameof(States))]
    public async Task A_yank_ends_an_opening_at_once(PeerState state)
    {
        await using var peer = await PeerProcess.StartAsync();
        await peer.HangAsync(state);
        var opening = peer.OpenAsync();
        for (var clock = Stopwatch.StartNew(); peer.Host.Yank.Count == 0 && clock.Elapsed < Soon;)
            await Task.Delay(5);
        await Task.Delay(50);

        peer.Host.Yank.YankAll();

        Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => opening.WaitAsync(Soon))).Kind);
        Assert.Equal(0, peer.Host.Yank.Count);
    }

    [Theory]
    [MemberData(nameof(States))]
    public async Task A_yank_ends_a_request_at_once(PeerState state)
    {
        await using var peer = await PeerProcess.StartAsync();
        await using var node = await peer.OpenAsync();
        await peer.HangAsync(state);
        var reading = ReadAsync(node);

        peer.Host.Yank.YankAll();

        Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => reading.WaitAsync(Soon))).Kind);
        Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => ReadAsync(node))).Kind);
    }

    private static Task ReadAsync(BlockNode node) => node.ReadAsync(0, new byte[512], ReadFlags.None, default).AsTask();
}
