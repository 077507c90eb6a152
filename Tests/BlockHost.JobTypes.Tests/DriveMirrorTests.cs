// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests;

/// <summary>Disks b ◄ s that move to an image that the command makes, while they are written.</summary>
public sealed class DriveMirrorTests : ChainTest
{
    public override async Task InitializeAsync()
    {
        await base.InitializeAsync();
        await AddAsync("b");
        await FillAsync("b", 7, 1 << 20, 1 << 20);
        await AddAsync("s", "b");
    }

    [Theory]
    [InlineData("full", "background", 65536, null)]
    [InlineData("top", "background", 65536, "b")]
    [InlineData("top", "background", 4096, "b")]
    [InlineData("none", "background", 65536, "s")]
    [InlineData("none", "background", 4096, "s")]
    [InlineData("full", "write-blocking", 65536, null)]
    [InlineData("top", "write-blocking", 65536, "b")]
    [InlineData("top", "write-blocking", 4096, "b")]
    [InlineData("none", "write-blocking", 65536, "s")]
    [InlineData("none", "write-blocking", 4096, "s")]
    public async Task The_copy_and_its_backing_file_read_as_the_disk(
        string sync, string copyMode, int granularity, string? backing)
    {
        await using var guest = await StartGuestAsync("s", seed: 5, writes: 100, holds: Expected);

        await guest.WriteWhileAsync(async () =>
        {
            var how = $"\"sync\":\"{sync}\",\"copy-mode\":\"{copyMode}\",\"granularity\":{granularity}";
            await ExecuteAsync(
                "drive-mirror", $"\"job-id\":\"j\",\"device\":\"s\",\"target\":\"{PathOf("new")}\",\"node-name\":\"new\",{how}");
            await UntilAsync(JobStatus.Ready);
            await Task.Delay(20);
            await CompleteJobAsync();
        });

        Assert.Equal("new", guest.Node.Name);
        Assert.Equal(backing, Node("new").Backing?.Name);
        Assert.True(Node("new").TryGetFacet<IBackingFileStore>(out var header));
        Assert.Equal(backing is null ? null : PathOf(backing), header.Backing?.FileName);
        Assert.Equal(Expected, await ReadAsync("new"));
    }
}
