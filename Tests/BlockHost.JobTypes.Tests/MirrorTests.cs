// SPDX-License-Identifier: MIT
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests;

/// <summary>Mirrors of disks that are written all the while.</summary>
public sealed class MirrorTests : JobTest
{
    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await AddAsync("s");
        await AddAsync("t");
    }

    [Theory]
    [InlineData("background", 65536)]
    [InlineData("background", 512)]
    [InlineData("write-blocking", 65536)]
    [InlineData("write-blocking", 4096)]
    public async Task A_pivot_under_writes_loses_none(string copyMode, int granularity)
    {
        await using var guest = await StartGuestAsync("s", seed: granularity, writes: 200);

        await guest.WriteWhileAsync(async () =>
        {
            await MirrorAsync($"\"copy-mode\":\"{copyMode}\",\"granularity\":{granularity}");
            await CompleteJobAsync();
            await Task.Delay(20);
        });

        Assert.Equal("t", guest.Node.Name);
        Assert.Equal(guest.Expected, await ReadAsync("t"));
        Assert.Equal(["t", "s"], NamedNodes);
    }

    [Fact]
    public async Task Holes_of_the_source_become_holes_of_a_raw_target()
    {
        File.WriteAllBytes(PathOf("r"), Filled(0xff, Size));
        await ExecuteAsync("blockdev-add", $$"""
            "driver":"raw","node-name":"r","file":{"driver":"file","filename":"{{PathOf("r")}}"}
            """);
        await ExecuteAsync("blockdev-mirror", "\"job-id\":\"j\",\"device\":\"s\",\"target\":\"r\",\"sync\":\"full\"");
        await CompleteJobAsync();

        var nodes = (await Bed.ExecuteAsync(
            """{"execute":"query-named-block-nodes","arguments":{"flat":true}}"""))["return"]!.AsArray();
        Assert.Equal(0, (long)nodes.Single(node => (string?)node!["node-name"] == "r")!["image"]!["actual-size"]!);
        Assert.Equal(new byte[Size], File.ReadAllBytes(PathOf("r")));
    }

    [Fact]
    public async Task In_write_blocking_mode_a_write_that_is_done_is_on_the_target()
    {
        await using var guest = await StartGuestAsync("s", seed: 7, writes: 50);
        await MirrorAsync("\"copy-mode\":\"write-blocking\"");
        await UntilAsync(JobStatus.Ready);
        await ExecuteAsync("job-pause", "\"id\":\"j\"");
        await UntilAsync(JobStatus.Standby);

        await guest.WriteAsync(times: 50);

        await CancelJobAsync();
        Assert.Equal(guest.Expected, await ReadAsync("t"));
    }

    [Fact]
    public async Task A_soft_cancel_leaves_a_copy_of_its_moment_and_the_guest_where_it_was()
    {
        await using var guest = await StartGuestAsync("s", seed: 3, writes: 100);
        await MirrorAsync("\"filter-node-name\":\"filter\"");
        await UntilAsync(JobStatus.Ready);
        Assert.Equal("filter", guest.Node.Name);

        await CancelSoftlyAsync();
        var copied = guest.Expected.ToArray();
        await guest.WriteAsync(times: 20);

        Assert.Equal("s", guest.Node.Name);
        Assert.Equal(copied, await ReadAsync("t"));
        Assert.Equal(guest.Expected, await ReadAsync("s"));
    }

    [Fact]
    public async Task A_mirror_of_nothing_but_new_writes_copies_just_them()
    {
        await using var guest = await OpenAsync("s");
        await using var queue = guest.OpenQueue();
        Assert.True((await queue.WriteAsync(0, Filled(1, 65536))).IsOk);
        await MirrorAsync("", sync: "none");
        await UntilAsync(JobStatus.Ready);
        Assert.True((await queue.WriteAsync(1 << 20, Filled(2, 65536))).IsOk);
        await CancelSoftlyAsync();

        var target = await ReadAsync("t");
        Assert.Equal(0, target[0]);
        Assert.Equal(2, target[1 << 20]);
    }

    [Fact]
    public async Task A_speed_limit_holds_and_can_be_lifted()
    {
        await using var guest = await OpenAsync("s");
        await MirrorAsync("\"speed\":65536");
        await Task.Delay(150);
        Assert.True(Bed.Host.Jobs.TryGet("j", out var job));
        Assert.NotEqual(JobStatus.Ready, job.Info.Status);
        await ExecuteAsync("block-job-set-speed", "\"device\":\"j\",\"speed\":0");
        await UntilAsync(JobStatus.Ready);
    }

    private Task MirrorAsync(string more, string sync = "full") =>
        ExecuteAsync(
            "blockdev-mirror",
            $"\"job-id\":\"j\",\"device\":\"s\",\"target\":\"t\",\"sync\":\"{sync}\"{(more.Length > 0 ? "," : "")}{more}");
}
