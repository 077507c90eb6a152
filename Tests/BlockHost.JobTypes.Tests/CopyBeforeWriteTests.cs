// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.JobTypes.Tests;

/// <summary>The filter that users make: a disk is read as it was at one moment, while it is written.</summary>
public sealed class CopyBeforeWriteTests : JobTest
{
    [Theory]
    [InlineData(null)]
    [InlineData(2 << 20)]
    public async Task A_moment_can_be_read_while_guests_write(int? clusterSize)
    {
        await AddAsync("s");
        await AddAsync("t", clusterSize: clusterSize ?? 65536);
        var before = await FillAsync("s");
        await AddFilterAsync();
        await using var guest = await StartGuestAsync("c", seed: 3, holds: before.ToArray());

        await guest.WriteWhileAsync(async () =>
        {
            for (var i = 0; i < 20; i++)
                Assert.Equal(before, await ReadInPiecesAsync("moment"));
        });

        Assert.Equal(before, await ReadAsync("moment"));
        Assert.Equal(guest.Expected, await ReadAsync("s"));
    }

    [Fact]
    public async Task What_the_bitmap_leaves_out_is_neither_copied_nor_read()
    {
        await AddAsync("s");
        await AddAsync("t");
        await ExecuteAsync("block-dirty-bitmap-add", "\"node\":\"s\",\"name\":\"b\"");
        await WriteAsync("s", 1, 0, 65536);
        await AddFilterAsync(",\"bitmap\":{\"node\":\"s\",\"name\":\"b\"}");
        await WriteAsync("c", 2, 0, 2 * 65536);

        Assert.Equal(Filled(1, 65536), (await TryReadAsync("moment", 0, 65536)).Data);
        Assert.Equal(Errno.EACCES, (await TryReadAsync("moment", 65536, 512)).Status.Errno);
        Assert.Equal(Errno.EACCES, (await TryReadAsync("moment", 65024, 1024)).Status.Errno);
        Assert.Equal(Filled(0, 65536), (await ReadAsync("t"))[65536..(2 * 65536)]);
    }

    [Theory]
    [InlineData("break-guest-write")]
    [InlineData("break-snapshot")]
    public async Task Something_breaks_where_old_data_cannot_be_copied(string onError)
    {
        await AddAsync("s");
        await WriteAsync("s", 1, 0, 65536);
        await ExecuteAsync("blockdev-add", """
            "driver":"blkdebug","node-name":"t","image":{"driver":"null-co","size":4194304},"inject-error":[{"event":"none","iotype":"write","errno":28}]
            """);
        await AddFilterAsync($",\"on-cbw-error\":\"{onError}\"");
        await using var guest = await OpenAsync("c");
        await using var queue = guest.OpenQueue();
        var status = await queue.WriteAsync(0, Filled(2, 512));

        var (read, data) = await TryReadAsync("moment", 0, 512);
        if (onError == "break-guest-write")
        {
            Assert.Equal(Errno.ENOSPC, status.Errno);
            Assert.Equal(Filled(1, 512), data);
        }
        else
        {
            Assert.True(status.IsOk);
            Assert.Equal(Errno.EACCES, read.Errno);
            Assert.Equal(2, (await ReadAsync("s"))[0]);
        }
    }

    [Fact]
    public async Task A_copy_that_takes_too_long_has_failed()
    {
        await AddAsync("s");
        await ExecuteAsync("blockdev-add", """ "driver":"null-co","node-name":"t","size":4194304,"latency-ns":3000000000 """);
        await WriteAsync("s", 1, 0, 65536);
        await AddFilterAsync(",\"cbw-timeout\":1,\"on-cbw-error\":\"break-snapshot\"");
        await using var guest = await OpenAsync("c");
        await using var queue = guest.OpenQueue();

        Assert.True((await queue.WriteAsync(0, Filled(2, 512)).AsTask().WaitAsync(TimeSpan.FromSeconds(60))).IsOk);
        Assert.Equal(Errno.EACCES, (await TryReadAsync("moment", 0, 512)).Status.Errno);
    }

    [Fact]
    public async Task A_time_that_no_timer_can_run_is_no_limit()
    {
        await AddAsync("s");
        await AddAsync("t");
        await WriteAsync("s", 1, 0, 65536);
        await AddFilterAsync($",\"cbw-timeout\":{uint.MaxValue}");

        await WriteAsync("c", 2, 0, 65536);

        Assert.Equal(Filled(1, 65536), (await TryReadAsync("moment", 0, 65536)).Data);
    }

    [Fact]
    public async Task It_leaves_nothing_behind()
    {
        await AddAsync("s");
        await AddAsync("t");
        await AddFilterAsync();
        await ExecuteAsync("blockdev-del", "\"node-name\":\"moment\"");
        await ExecuteAsync("blockdev-del", "\"node-name\":\"c\"");

        Assert.Empty(Node("s").DirtyBitmaps.All);
        await ExecuteAsync("blockdev-del", "\"node-name\":\"t\"");
        await ExecuteAsync("blockdev-del", "\"node-name\":\"s\"");
    }

    private async Task AddFilterAsync(string more = "")
    {
        await ExecuteAsync(
            "blockdev-add", $"\"driver\":\"copy-before-write\",\"node-name\":\"c\",\"file\":\"s\",\"target\":\"t\"{more}");
        await ExecuteAsync("blockdev-add", "\"driver\":\"snapshot-access\",\"node-name\":\"moment\",\"file\":\"c\"");
    }

    private async Task<byte[]> FillAsync(string node)
    {
        await using var guest = await StartGuestAsync(node, seed: 77, writes: 300);
        return guest.Expected;
    }

    private async Task<byte[]> ReadInPiecesAsync(string node)
    {
        const int piece = 100_000;
        var bytes = new byte[Size];
        await using var backend = await Bed.Graph.CreateBackendAsync(Node(node), Reader, CancellationToken.None);
        await using var queue = backend.OpenQueue();
        for (var at = 0; at < Size; at += piece)
            Assert.True((await queue.ReadAsync(at, bytes.AsMemory(at, Math.Min(piece, Size - at)))).IsOk);
        return bytes;
    }

    private async Task<(IoStatus Status, byte[] Data)> TryReadAsync(string node, int offset, int length)
    {
        await using var backend = await Bed.Graph.CreateBackendAsync(Node(node), Reader, CancellationToken.None);
        await using var queue = backend.OpenQueue();
        var bytes = new byte[length];
        return (await queue.ReadAsync(offset, bytes), bytes);
    }
}
