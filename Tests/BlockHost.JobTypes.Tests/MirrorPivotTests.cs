// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.JobTypes.Tests;

/// <summary>A disk that moves from image to image, again and again, while several guests use it.</summary>
public sealed class MirrorPivotTests : JobTest
{
    private const int Guests = 3;

    // Small, so that the first copy takes its time.
    private const int BufferSize = 128 << 10;

    [Theory]
    [InlineData("background", 65536, "unmap", 8)]
    [InlineData("background", 4096, "ignore", 10)]
    [InlineData("write-blocking", 65536, "unmap", 30)]
    [InlineData("write-blocking", 65536, "ignore", 20)]
    [InlineData("write-blocking", 1024, "ignore", 6)]
    public async Task Many_pivots_under_many_guests_lose_nothing(string copyMode, int granularity, string discard, int pivots)
    {
        await AddAsync("disk0");
        await using var disk = await OpenAsync("disk0");
        var guests = await WhileGuestsUseAsync(disk, async () =>
        {
            for (var i = 0; i < pivots; i++)
                await MoveAsync(
                    $"disk{i}",
                    $"disk{i + 1}",
                    discard,
                    $"\"copy-mode\":\"{copyMode}\",\"granularity\":{granularity},\"buf-size\":{BufferSize}");
        });

        Assert.Equal($"disk{pivots}", disk.Node.Name);
        Assert.All(guests, guest => Assert.True(guest.Writes > pivots));
    }

    [Theory]
    [InlineData("background")]
    [InlineData("write-blocking")]
    public async Task Drains_of_all_nodes_pass_while_guests_write(string copyMode)
    {
        await AddAsync("s");
        await AddAsync("t");
        await using var disk = await OpenAsync("s");

        await WhileGuestsUseAsync(disk, async () =>
        {
            await ExecuteAsync(
                "blockdev-mirror",
                $"\"job-id\":\"j\",\"device\":\"s\",\"target\":\"t\",\"sync\":\"full\",\"copy-mode\":\"{copyMode}\"");
            for (var i = 0; i < 200; i++)
            {
                using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
                await using var drained = await Bed.Graph.DrainAsync(null, patience.Token);
            }

            await CompleteJobAsync();
        });

        Assert.Equal("t", disk.Node.Name);
    }

    /// <summary>Guests that lose nothing of what they write meanwhile, wherever their disk goes.</summary>
    private async Task<RecordGuest[]> WhileGuestsUseAsync(IBlockBackend disk, Func<Task> action)
    {
        var guests = Enumerable.Range(0, Guests).Select(i => new RecordGuest(disk, i, Guests)).ToArray();
        await GuestWork.WhileAsync(action, guests.Select(guest => (Func<Task, Task>)guest.UseUntilAsync));
        var content = await ReadAsync(disk.Node.Name);
        Assert.Empty(guests.SelectMany(guest => guest.Lost(content)));
        return guests;
    }

    private async Task MoveAsync(string from, string to, string discard, string how)
    {
        await AddAsync(to, discard: discard);
        await ExecuteAsync(
            "blockdev-mirror", $"\"job-id\":\"j\",\"device\":\"{from}\",\"target\":\"{to}\",\"sync\":\"full\",{how}");
        await CompleteJobAsync();
        await ExecuteAsync("blockdev-del", $"\"node-name\":\"{from}\"");
    }
}
