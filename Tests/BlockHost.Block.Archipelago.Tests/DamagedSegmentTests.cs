// SPDX-License-Identifier: MIT
using BlockHost.Block.Archipelago.Peer;

namespace BlockHost.Block.Archipelago.Tests;

/// <summary>Every number of a segment is another process's: whatever it is, opening ends and says so.</summary>
public sealed class DamagedSegmentTests
{
    private const int HeadSize = 128;
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Any_number_in_its_head_and_heap_may_be_wrong()
    {
        await using var peer = await PeerProcess.StartAsync();
        await peer.SwitchAsync(PeerMode.Silent);
        var good = await File.ReadAllBytesAsync(Path.Combine(peer.Folder, PeerProcess.Segment));
        foreach (var place in Enumerable.Range(0, HeadSize / 8).Select(i => i * 8).Concat([4096, 4104, 4112, 4136]))
        {
            foreach (var value in new ulong[] { 0, 7, 0x7FFF_FFFF, ulong.MaxValue, ulong.MaxValue / 2, (ulong)good.Length - 4 })
                await OpenDamagedAsync(peer, good, place, value);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    public async Task A_file_that_is_too_short_is_none(int length)
    {
        await using var peer = await PeerProcess.StartAsync();
        await File.WriteAllBytesAsync(Path.Combine(peer.Folder, "short"), new byte[length]);

        var e = await Assert.ThrowsAsync<BlockException>(() => peer.OpenAsync(segment: "short"));

        Assert.EndsWith($"The shared memory segment is damaged: it has {length} bytes", e.Message);
    }

    [Theory]
    [InlineData("../node")]
    [InlineData("..")]
    [InlineData("")]
    public async Task A_segment_is_a_name_and_no_path(string segment)
    {
        await using var peer = await PeerProcess.StartAsync();

        await Assert.ThrowsAsync<BlockException>(() => peer.OpenAsync(segment: segment));
    }

    /// <summary>Nobody answers there, so that what opens all the same ends by its time.</summary>
    private static async Task OpenDamagedAsync(PeerProcess peer, byte[] good, int place, ulong value)
    {
        var bad = (byte[])good.Clone();
        BitConverter.TryWriteBytes(bad.AsSpan(place), value);
        File.Delete(Path.Combine(peer.Folder, "bad"));
        await File.WriteAllBytesAsync(Path.Combine(peer.Folder, "bad"), bad);
        var opening = peer.OpenAsync(segment: "bad");
        var ended = await Task.WhenAny(opening, Task.Delay(30));
        if (ended != opening)
            peer.Host.Yank.YankAll();
        try
        {
            await (await opening.WaitAsync(Soon)).DisposeAsync();
        }
        catch (BlockException)
        {
            // Refused, or given up.
        }
    }
}
