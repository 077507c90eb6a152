// SPDX-License-Identifier: MIT
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests;

public sealed class AmendTests : JobTest
{
    [Fact]
    public async Task Nobody_closes_an_image_until_its_job_is_dismissed()
    {
        const string delete = """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""";
        await AddAsync("t");
        await ExecuteAsync(
            "x-blockdev-amend", """ "job-id":"j","node-name":"t","options":{"driver":"qcow2","lazy-refcounts":true} """);

        Assert.Equal("Node t is in use", (string?)(await Bed.ExecuteAsync(delete))["error"]?["desc"]);
        await UntilAsync(JobStatus.Concluded);
        Assert.Equal("Node t is in use", (string?)(await Bed.ExecuteAsync(delete))["error"]?["desc"]);
        await ExecuteAsync("job-dismiss", "\"id\":\"j\"");

        Assert.Null((await Bed.ExecuteAsync(delete))["error"]);
    }
}
