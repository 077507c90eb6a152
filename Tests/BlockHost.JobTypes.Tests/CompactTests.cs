// SPDX-License-Identifier: MIT
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests;

/// <summary>x-blockhost-block-compact on an image that guests work with.</summary>
public sealed class CompactTests : JobTest
{
    private const string Start = """ "job-id":"j","device":"disk" """;

    [Fact]
    public async Task Guests_write_all_the_while()
    {
        await MakeAsync();
        await using var guest = await StartGuestAsync("disk", seed: 1, holds: await ReadAsync("disk"));
        await guest.WriteWhileAsync(async () =>
        {
            await ExecuteAsync("x-blockhost-block-compact", Start);
            await UntilGoneAsync();
        });
        Assert.Equal(guest.Expected, await ReadAsync("disk"));
        await ExecuteAsync("x-blockhost-block-compact", Start);
        await UntilGoneAsync();
        Assert.Equal(guest.Expected, await ReadAsync("disk"));
    }

    [Fact]
    public async Task It_pauses_between_steps_and_keeps_to_its_speed_until_it_gets_another()
    {
        var before = await MakeAsync();
        await ExecuteAsync("x-blockhost-block-compact", $"{Start}, \"speed\": 1");
        await ExecuteAsync("block-job-pause", "\"device\":\"j\"");
        await UntilAsync(JobStatus.Paused);
        Assert.True(Bed.Host.Jobs.TryGet("j", out var job));
        Assert.InRange(job.Info.Current, 0, 2 << 20);
        Assert.True(job.Info.Total > job.Info.Current);
        await ExecuteAsync("block-job-resume", "\"device\":\"j\"");
        await ExecuteAsync("block-job-set-speed", "\"device\":\"j\", \"speed\": 0");
        await UntilGoneAsync();
        Assert.InRange(new FileInfo(PathOf("disk")).Length, 1, before * 3 / 4);
    }

    [Fact]
    public async Task Cancelled_it_leaves_a_whole_image()
    {
        await MakeAsync();
        var content = await ReadAsync("disk");
        await ExecuteAsync("x-blockhost-block-compact", $"{Start}, \"speed\": 1");
        await CancelJobAsync();
        Assert.Equal(content, await ReadAsync("disk"));
        await ExecuteAsync("x-blockhost-block-compact", Start);
        await UntilGoneAsync();
        Assert.Equal(content, await ReadAsync("disk"));
    }

    [Fact]
    public async Task What_cannot_be_compacted_is_refused()
    {
        await MakeAsync();
        await ExecuteAsync("blockdev-add", $$"""
            "driver":"file","node-name":"raw","read-only":true,"filename":"{{PathOf("disk")}}"
            """);
        Assert.Equal("Images of driver 'file' cannot be compacted", await RefusalAsync("raw"));
        await ExecuteAsync("x-blockhost-block-compact", $"{Start}, \"speed\": 1");
        Assert.Equal("Node 'disk' is busy: block device is in use by block job: x-blockhost-compact", await RefusalAsync("disk"));
        await CancelJobAsync();
    }

    private async Task<string?> RefusalAsync(string device) => (string?)(await Bed.ExecuteAsync(
        $$"""{"execute":"x-blockhost-block-compact","arguments":{"job-id":"k","device":"{{device}}"} }"""))["error"]?["desc"];

    /// <summary>A full disk of which the first half was given back; returns the length of its file.</summary>
    private async Task<long> MakeAsync()
    {
        await AddAsync("disk", discard: "unmap", clusterSize: 4096);
        await WriteAsync("disk", 7, 0, Size);
        await using var guest = await OpenAsync("disk");
        await using var queue = guest.OpenQueue();
        Assert.True((await queue.DiscardAsync(0, Size / 2)).IsOk);
        return new FileInfo(PathOf("disk")).Length;
    }
}
