// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests;

/// <summary>Backups of disks that are written all the while.</summary>
public sealed class BackupTests : JobTest
{
    [Theory]
    [InlineData("")]
    [InlineData("\"speed\":4194304")]
    [InlineData("\"x-perf\":{\"max-workers\":1,\"max-chunk\":65536}")]
    public async Task The_copy_is_of_the_moment_in_which_it_began(string more)
    {
        await AddAsync("s");
        await AddAsync("t");
        await using var guest = await StartGuestAsync("s", seed: more.Length, writes: 300);
        var before = guest.Expected.ToArray();

        await BackupAsync("full", more);
        await guest.WriteWhileAsync(UntilGoneAsync);

        Assert.Equal(before, await ReadAsync("t"));
        Assert.Equal(guest.Expected, await ReadAsync("s"));
        Assert.Equal("s", guest.Node.Name);
    }

    [Fact]
    public async Task Writes_in_flight_at_the_start_are_in_whole_or_not_at_all()
    {
        await AddAsync("s");
        await AddAsync("t");
        await using var guest = await OpenAsync("s");
        var begun = Enumerable.Range(0, Lanes).Select(_ => new TaskCompletionSource()).ToArray();
        await GuestWork.WhileAsync(
            async () =>
            {
                await Task.WhenAll(begun.Select(has => has.Task));
                await BackupAsync("full");
                await UntilGoneAsync();
            },
            begun.Select((has, lane) => (Func<Task, Task>)(end => CountAsync(guest, lane, has, end))));

        // Each lane writes its count first to its one place and, when that is done, to its other.
        var copy = await ReadAsync("t");
        for (var lane = 0; lane < Lanes; lane++)
        {
            var first = BitConverter.ToInt64(copy, lane * LaneSize);
            var second = BitConverter.ToInt64(copy, (Size / 2) + (lane * LaneSize));
            Assert.True(first == second || first == second + 1, $"lane {lane}: {first}, then {second}");
            Assert.True(first > 0);
        }
    }

    [Fact]
    public async Task Nothing_but_what_is_overwritten_is_copied_where_nothing_is_asked_for()
    {
        await AddAsync("s");
        await AddAsync("t");
        await using var guest = await OpenAsync("s");
        await using var queue = guest.OpenQueue();
        Assert.True((await queue.WriteAsync(0, Filled(1, 3 * 65536))).IsOk);
        await BackupAsync("none");
        Assert.True((await queue.WriteAsync(65536 + 100, Filled(2, 10))).IsOk);
        Assert.True((await queue.WriteAsync(65536 + 200, Filled(3, 10))).IsOk);

        Assert.True(Bed.Host.Jobs.TryGet("j", out var job));
        Assert.Equal(65536, job.Info.Current);
        await CancelJobAsync();
        var copy = await ReadAsync("t");
        Assert.Equal(Filled(0, 65536), copy[..65536]);
        Assert.Equal(Filled(1, 65536), copy[65536..(2 * 65536)]);
        Assert.Equal(Filled(0, 65536), copy[(2 * 65536)..(3 * 65536)]);
    }

    [Fact]
    public async Task A_copy_of_the_top_leaves_out_what_is_below()
    {
        await AddAsync("b");
        await WriteAsync("b", 1, 0, Size);
        await AddAsync("s", "b");
        await WriteAsync("s", 2, 1 << 20, 100_000);
        await AddAsync("t", "b");
        await AddAsync("alone");
        var before = await ReadAsync("s");
        await BackupAsync("top", target: "alone");
        await UntilGoneAsync();
        await using var guest = await StartGuestAsync("s", seed: 5, holds: before.ToArray());
        await BackupAsync("top");
        await guest.WriteAsync(times: 50);
        await UntilGoneAsync();

        Assert.Equal(before, await ReadAsync("t"));
        var topClusters = new byte[Size];
        before.AsSpan(1 << 20, 2 * 65536).CopyTo(topClusters.AsSpan(1 << 20));
        Assert.Equal(topClusters, await ReadAsync("alone"));
    }

    [Theory]
    [InlineData("\"speed\":65536")]
    [InlineData("\"speed\":65536", true)]
    public async Task A_cancelled_backup_leaves_the_guest_alone(string more, bool paused = false)
    {
        await AddAsync("s");
        await AddAsync("t");
        await using var guest = await StartGuestAsync("s", seed: 11, writes: 100);
        await BackupAsync("full", more);
        if (paused)
        {
            await ExecuteAsync("job-pause", "\"id\":\"j\"");
            await UntilAsync(JobStatus.Paused);
        }

        await guest.WriteAsync(times: 20);
        await CancelJobAsync();
        await guest.WriteAsync(times: 20);

        Assert.Equal("s", guest.Node.Name);
        Assert.Equal(guest.Expected, await ReadAsync("s"));
        Assert.Equal(["t", "s"], NamedNodes);
        Assert.DoesNotContain(Node("s").DirtyBitmaps.All, bitmap => bitmap.Name is null);
    }

    private const int Lanes = 4;
    private const int LaneSize = 1 << 16;

    private static async Task CountAsync(IBlockBackend guest, int lane, TaskCompletionSource begun, Task end)
    {
        await using var queue = guest.OpenQueue();
        for (var count = 1L; !end.IsCompleted; count++)
        {
            Assert.True((await queue.WriteAsync(lane * LaneSize, BitConverter.GetBytes(count))).IsOk);
            Assert.True((await queue.WriteAsync((Size / 2) + (lane * LaneSize), BitConverter.GetBytes(count))).IsOk);
            begun.TrySetResult();
        }
    }

    private Task BackupAsync(string sync, string more = "", string target = "t") =>
        ExecuteAsync(
            "blockdev-backup",
            $"\"job-id\":\"j\",\"device\":\"s\",\"target\":\"{target}\",\"sync\":\"{sync}\"{(more.Length > 0 ? "," : "")}{more}");
}
