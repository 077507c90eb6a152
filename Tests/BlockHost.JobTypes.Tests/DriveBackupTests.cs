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
        await using var guest = await StartGuestAsync("s", seed: more.Length, writes: 300);
        var before = guest.Expected.ToArray();

        await BackupAsync("full", more);
        await guest.WriteWhileAsync(UntilGoneAsync);

        Assert.Equal(before, await CopyAsync(more.Contains("raw") ? "raw" : "qcow2"));
        Assert.Equal(guest.Expected, await ReadAsync("s"));
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
        await using var guest = await StartGuestAsync("s", seed: 1, writes: 300);
        var before = guest.Expected.ToArray();

        await BackupAsync("none");
        await UntilAsync(JobStatus.Running);
        await guest.WriteAsync(times: 300);

        var target = Bed.Graph.Nodes.Single(node => node.FileName == PathOf("t") && node.Driver.FormatName == "qcow2");
        Assert.Equal(before, await ReadAsync(target.Name));
        Assert.Equal(guest.Expected, await ReadAsync("s"));
        await CancelJobAsync();
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
}
