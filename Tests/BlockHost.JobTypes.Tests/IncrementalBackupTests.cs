// SPDX-License-Identifier: MIT
namespace BlockHost.JobTypes.Tests;

/// <summary>Backups by bitmaps, and compressed ones, of a disk that is written all the while.</summary>
public sealed class IncrementalBackupTests : JobTest
{
    [Fact]
    public async Task A_full_backup_and_two_increments_restore_each_moment()
    {
        await AddAsync("s");
        await using var guest = await StartGuestAsync("s", seed: 21, writes: 100);
        var moments = new List<byte[]>();
        await AddAsync("t0");
        moments.Add(guest.Expected.ToArray());
        await ExecuteAsync("transaction", """
            "actions":[{"type":"block-dirty-bitmap-add","data":{"node":"s","name":"b","granularity":4096}},
                       {"type":"blockdev-backup","data":{"job-id":"j","device":"s","target":"t0","sync":"full"}}]
            """);
        await guest.WriteWhileAsync(UntilGoneAsync);

        for (var increment = 1; increment <= 2; increment++)
        {
            await guest.WriteAsync(times: 10);
            await AddAsync($"t{increment}", $"t{increment - 1}");
            moments.Add(guest.Expected.ToArray());
            await BackupAsync("incremental", $"t{increment}", "\"bitmap\":\"b\"");
            await guest.WriteWhileAsync(UntilGoneAsync);
        }

        for (var i = 0; i < moments.Count; i++)
            Assert.Equal(moments[i], await ReadAsync($"t{i}"));
        Assert.Equal(guest.Expected, await ReadAsync("s"));
    }

    [Theory]
    [InlineData("on-success", true)]
    [InlineData("always", true)]
    [InlineData("never", true)]
    [InlineData("on-success", false)]
    [InlineData("always", false)]
    [InlineData("never", false)]
    public async Task A_cancelled_increment_is_made_up_for_by_the_next(string mode, bool isFirstCancelled)
    {
        await AddAsync("s");
        await AddAsync("base");
        await using var guest = await StartGuestAsync("s", seed: 5);
        await ExecuteAsync("block-dirty-bitmap-add", "\"node\":\"s\",\"name\":\"b\"");
        await guest.WriteAsync(times: 60);
        await AddAsync("t", "base");

        await BackupAsync(
            "bitmap", "t", $"\"bitmap\":\"b\",\"bitmap-mode\":\"{mode}\"{(isFirstCancelled ? ",\"speed\":65536" : "")}");
        await guest.WriteAsync(times: 20);
        if (isFirstCancelled)
            await ExecuteAsync("job-cancel", "\"id\":\"j\"");
        await UntilGoneAsync();
        var now = guest.Expected.ToArray();
        await BackupAsync("bitmap", "t", "\"bitmap\":\"b\",\"bitmap-mode\":\"on-success\"");
        await guest.WriteWhileAsync(UntilGoneAsync);

        Assert.Equal(now, await ReadAsync("t"));
    }

    [Theory]
    [InlineData(65536, 65536)]
    [InlineData(4096, 2 << 20)]
    [InlineData(2 << 20, 512)]
    public async Task Clusters_may_differ(int source, int target)
    {
        await AddAsync("s", clusterSize: source);
        await AddAsync("t", clusterSize: target);
        await using var guest = await StartGuestAsync("s", seed: target, writes: 50);
        var before = guest.Expected.ToArray();
        await BackupAsync("full", "t");
        await guest.WriteWhileAsync(UntilGoneAsync);

        Assert.Equal(before, await ReadAsync("t"));
    }

    [Theory]
    [InlineData(65536)]
    [InlineData(2 << 20)]
    public async Task A_compressed_copy_is_smaller(int clusterSize)
    {
        await AddAsync("s");
        await AddAsync("t", clusterSize: clusterSize);
        for (var at = 0; at < Size; at += 65536)
            await WriteAsync("s", (byte)(at >> 16 | 1), at, 65536);
        var before = await ReadAsync("s");
        await using var guest = await StartGuestAsync("s", seed: 1, holds: before.ToArray());
        await BackupAsync("full", "t", "\"compress\":true");
        await guest.WriteWhileAsync(UntilGoneAsync);

        Assert.Equal(before, await ReadAsync("t"));
        var metadata = 5 * clusterSize;
        Assert.InRange(new FileInfo(PathOf("t")).Length, 1, metadata + (Size / 4));
    }

    private Task BackupAsync(string sync, string target, string more = "") =>
        ExecuteAsync(
            "blockdev-backup",
            $"\"job-id\":\"j\",\"device\":\"s\",\"target\":\"{target}\",\"sync\":\"{sync}\"{(more.Length > 0 ? "," : "")}{more}");
}
