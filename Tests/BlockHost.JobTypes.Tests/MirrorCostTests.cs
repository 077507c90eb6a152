// SPDX-License-Identifier: MIT
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests;

/// <summary>What a mirror in the background costs the guests of its disk.</summary>
public sealed class MirrorCostTests : JobTest
{
    [Fact]
    public async Task A_write_allocates_no_more_than_without_it()
    {
        await ExecuteAsync("blockdev-add", """ "driver":"null-co","node-name":"s","size":4194304 """);
        await ExecuteAsync("blockdev-add", """ "driver":"null-co","node-name":"t","size":4194304 """);
        await using var guest = await OpenAsync("s");
        await using var queue = guest.OpenQueue();
        var data = new byte[4096];

        var without = Allocations.Of(Write);
        await ExecuteAsync(
            "blockdev-mirror", "\"job-id\":\"j\",\"device\":\"s\",\"target\":\"t\",\"sync\":\"none\",\"filter-node-name\":\"f\"");
        await UntilAsync(JobStatus.Ready);
        Assert.Equal("f", guest.Node.Name);

        Assert.Equal(without, Allocations.Of(Write));

        void Write() => Assert.True(queue.WriteAsync(8192, data).Result.IsOk);
    }
}
