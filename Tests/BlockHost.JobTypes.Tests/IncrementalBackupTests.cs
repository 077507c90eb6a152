// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.JobTypes.Tests;

/// <summary>Backups by bitmaps, and compressed ones, of a disk that is written all the while.</summary>
public sealed class IncrementalBackupTests : JobTest
{
    [Fact]
    public async Task A_full_backup_and_two_increments_restore_each_moment()
    {
        await AddAsync("s");
        await using var guest = await Bed.Graph.CreateBackendAsync(Node("s"), Guest, CancellationToken.None);
        var writer = new GuestWriter(guest, seed: 21);
        await writer.WriteAsync(times: 100);
        var moments = new List<byte[]>();
        await AddAsync("t0");
        moments.Add(writer.Expected.ToArray());
        await ExecuteAsync("transaction", """
            "actions":[{"type":"block-dirty-bitmap-add","data":{"node":"s","name":"b","granularity":4096}},
                       {"type":"blockdev-backup","data":{"job-id":"j","device":"s","target":"t0","sync":"full"}}]
            """);
        await WriteUntilGoneAsync(writer);

        for (var increment = 1; increment <= 2; increment++)
        {
            await writer.WriteAsync(times: 10);
            await AddAsync($"t{increment}", $"t{increment - 1}");
            moments.Add(writer.Expected.ToArray());
            await BackupAsync("incremental", $"t{increment}", "\"bitmap\":\"b\"");
            await WriteUntilGoneAsync(writer);
        }

        for (var i = 0; i < moments.Count; i++)
            Assert.Equal(moments[i], await ReadAsync($"t{i}"));
        Assert.Equal(writer.Expected, await ReadAsync("s"));
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
        await using var guest = await Bed.Graph.CreateBackendAsync(Node("s"), Guest, CancellationToken.None);
        var writer = new GuestWriter(guest, seed: 5);
        await ExecuteAsync("block-dirty-bitmap-add", "\"node\":\"s\",\"name\":\"b\"");
        await writer.WriteAsync(times: 60);
        await AddAsync("t", "base");

        await BackupAsync("bitmap", "t", $"\"bitmap\":\"b\",\"bitmap-mode\":\"{mode}\"{(isFirstCancelled ? ",\"speed\":65536" : "")}");
        await writer.WriteAsync(times: 20);
        if (isFirstCancelled)
            await ExecuteAsync("job-cancel", "\"id\":\"j\"");
        await UntilGoneAsync();
        var now = writer.Expected.ToArray();
        await BackupAsync("bitmap", "t", "\"bitmap\":\"b\",\"bitmap-mode\":\"on-success\"");
        await WriteUntilGoneAsync(writer);

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
        await using var guest = await Bed.Graph.CreateBackendAsync(Node("s"), Guest, CancellationToken.None);
        var writer = new GuestWriter(guest, seed: target);
        await writer.WriteAsync(times: 50);
        var before = writer.Expected.ToArray();
        await BackupAsync("full", "t");
        await WriteUntilGoneAsync(writer);

        Assert.Equal(before, await ReadAsync("t"));
    }

    [Theory]
    [InlineData(65536)]
    [InlineData(2 << 20)]
    public async Task A_compressed_copy_is_smaller(int clusterSize)
    {
        await AddAsync("s");
        await AddAsync("t", clusterSize: clusterSize);
        await using var guest = await Bed.Graph.CreateBackendAsync(Node("s"), Guest, CancellationToken.None);
        await using var queue = guest.OpenQueue();
        for (var at = 0; at < Size; at += 65536)
            Assert.True((await queue.WriteAsync(at, Filled((byte)(at >> 16 | 1), 65536))).IsOk);
        var before = await ReadAsync("s");
        await BackupAsync("full", "t", "\"compress\":true");
        await WriteUntilGoneAsync(new GuestWriter(guest, seed: 1, before.ToArray()));

        Assert.Equal(before, await ReadAsync("t"));
        var metadata = 5 * clusterSize;
        Assert.InRange(new FileInfo(PathOf("t")).Length, 1, metadata + (Size / 4));
    }

    private async Task WriteUntilGoneAsync(GuestWriter writer)
    {
        var stop = new TaskCompletionSource();
        var writing = Task.Run(() => writer.WriteUntilAsync(stop.Task));
        await UntilGoneAsync();
        stop.SetResult();
        await writing;
    }

    private Task BackupAsync(string sync, string target, string more = "") =>
        ExecuteAsync("blockdev-backup", $"\"job-id\":\"j\",\"device\":\"s\",\"target\":\"{target}\",\"sync\":\"{sync}\"{(more.Length > 0 ? "," : "")}{more}");
}
