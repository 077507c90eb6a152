// SPDX-License-Identifier: MIT
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests;

/// <summary>Backups to images that are made for them, of disks that are written all the while.</summary>
public sealed class DriveBackupTests : JobTest
{
    private const int Cluster = 65536;

    [Theory]
    [InlineData("")]
    [InlineData(",\"format\":\"raw\"")]
    [InlineData(",\"compress\":true")]
    public async Task The_new_image_holds_the_moment_in_which_the_backup_began(string more)
    {
        await AddAsync("s");
        await using var guest = await Bed.Graph.CreateBackendAsync(Node("s"), Guest, CancellationToken.None);
        var writer = new GuestWriter(guest, seed: more.Length);
        await writer.WriteAsync(times: 300);
        var before = writer.Expected.ToArray();

        await BackupAsync("full", more);
        var stop = new TaskCompletionSource();
        var writing = Task.Run(() => writer.WriteUntilAsync(stop.Task));
        await UntilGoneAsync();
        stop.SetResult();
        await writing;

        Assert.Equal(before, await CopyAsync(more.Contains("raw") ? "raw" : "qcow2"));
        Assert.Equal(writer.Expected, await ReadAsync("s"));
    }

    [Fact]
    public async Task With_the_top_image_alone_the_rest_is_read_from_its_backing_file()
    {
        await AddAsync("b");
        await WriteAsync("b", 1, 0, 4 * Cluster);
        await Bed.Graph.SetReadOnlyAsync(Node("b"), readOnly: true, CancellationToken.None);
        await AddAsync("s", backing: "b");
        await WriteAsync("s", 2, Cluster, Cluster);
        var before = await ReadAsync("s");

        await BackupAsync("top");
        await UntilGoneAsync();

        Assert.True(new FileInfo(PathOf("t")).Length < 8 * Cluster);
        Assert.Equal(before, await CopyAsync("qcow2"));
    }

    [Fact]
    public async Task With_nothing_copied_the_target_reads_as_the_source_did_while_that_is_overwritten()
    {
        await AddAsync("s");
        await using var guest = await Bed.Graph.CreateBackendAsync(Node("s"), Guest, CancellationToken.None);
        var writer = new GuestWriter(guest, seed: 1);
        await writer.WriteAsync(times: 300);
        var before = writer.Expected.ToArray();

        await BackupAsync("none");
        await UntilAsync(JobStatus.Running);
        await writer.WriteAsync(times: 300);

        var target = Bed.Graph.Nodes.Single(node => node.FileName == PathOf("t") && node.Driver.FormatName == "qcow2");
        Assert.Equal(before, await ReadAsync(target.Name));
        Assert.Equal(writer.Expected, await ReadAsync("s"));
        await ExecuteAsync("job-cancel", "\"id\":\"j\"");
        await UntilGoneAsync();
        Assert.Null(Bed.Graph.Nodes.FirstOrDefault(node => node.FileName == PathOf("t")));
    }

    [Fact]
    public async Task A_transaction_that_fails_leaves_neither_image_nor_node_nor_job()
    {
        await AddAsync("s");
        var nodes = Bed.Graph.Nodes.Count;

        await Bed.ExecuteAsync(
            $$$"""
            {"execute":"transaction","arguments":{"actions":[
                {"type":"drive-backup","data":{"job-id":"j","device":"s","target":"{{{PathOf("t")}}}","sync":"none"}},
                {"type":"blockdev-snapshot-internal-sync","data":{"device":"s","name":"a"}},
                {"type":"abort","data":{}}]}}
            """);

        Assert.Equal(nodes, Bed.Graph.Nodes.Count);
        Assert.Empty(Bed.Host.Jobs.List());
        Assert.False(File.Exists(PathOf("t")));
        await WriteAsync("s", 1, 0, Cluster);
    }

    private Task BackupAsync(string sync, string more = "") =>
        ExecuteAsync("drive-backup", $"\"job-id\":\"j\",\"device\":\"s\",\"target\":\"{PathOf("t")}\",\"sync\":\"{sync}\"{more}");

    private async Task<byte[]> CopyAsync(string format)
    {
        await ExecuteAsync("blockdev-add", $$"""
            "driver":"{{format}}","node-name":"copy","read-only":true,"file":{"driver":"file","filename":"{{PathOf("t")}}"}
            """);
        return await ReadAsync("copy");
    }

    private async Task WriteAsync(string node, byte value, int offset, int length)
    {
        await using var guest = await Bed.Graph.CreateBackendAsync(Node(node), Guest, CancellationToken.None);
        await using var queue = guest.OpenQueue();
        Assert.True((await queue.WriteAsync(offset, Filled(value, length))).IsOk);
    }
}
