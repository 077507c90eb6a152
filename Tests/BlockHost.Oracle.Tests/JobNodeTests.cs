// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.Oracle.Tests;

/// <summary>What it means in the real graph that a job holds a node.</summary>
public sealed class JobNodeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly BlockPermissionSet Alone = new(BlockPermissions.Write, BlockPermissions.None);
    private static readonly BlockPermissionSet Reader = new(BlockPermissions.ConsistentRead, BlockPermissions.All);

    [Fact]
    public async Task A_body_that_changes_the_graph_does_not_wait_for_itself()
    {
        await using var bed = await BedAsync();
        var (setup, node) = await SetupAsync(bed, "a");
        await setup.HoldAsync("source", node, Reader, CancellationToken.None);
        setup.Start(new Work(async context =>
        {
            using var changing = context.ChangeGraph();
            await (await bed.Graph.DrainAsync(node, CancellationToken.None)).DisposeAsync();
        }));

        Assert.Null(await setup.Job.Concluded.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_drain_of_a_sleeping_jobs_node_pauses_it_before_it_returns()
    {
        await using var bed = await BedAsync();
        var (setup, node) = await SetupAsync(bed, "a");
        await setup.HoldAsync("source", node, Reader, CancellationToken.None);
        setup.Start(new Work(async context => await context.SleepAsync(Timeout.InfiniteTimeSpan)));

        await using (await bed.Graph.DrainAsync(node: null, CancellationToken.None))
            Assert.Equal(JobStatus.Paused, setup.Job.Info.Status);

        await setup.Job.Concluded.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_nodes_permissions_are_the_jobs_by_name_until_it_is_gone()
    {
        await using var bed = await BedAsync();
        var (setup, node) = await SetupAsync(bed, "a");
        await setup.HoldAsync("target", node, Alone, CancellationToken.None);

        var conflict = await Assert.ThrowsAnyAsync<Exception>(async () =>
            await bed.Graph.CreateBackendAsync(
                node, new BackendOptions { Permissions = Reader, Name = "user" }, CancellationToken.None));
        Assert.Contains("unshared by work job 'a' (uses node 'n' as 'target' child)", conflict.Message);
        Assert.Contains(
            "Node 'n' is busy: block device is in use by block job: work",
            (await bed.ExecuteAsync("""{"execute":"blockdev-del","arguments":{"node-name":"n"}}""")).ToJsonString().Replace(
                "\\u0027", "'"));
        await setup.FailAsync();

        Assert.Equal(
            """{"return":{}}""",
            (await bed.ExecuteAsync("""{"execute":"blockdev-del","arguments":{"node-name":"n"}}""")).ToJsonString());
    }

    [Fact]
    public async Task Its_nodes_are_free_when_the_end_is_told()
    {
        await using var bed = await BedAsync();
        var (setup, node) = await SetupAsync(bed, "a");
        await setup.HoldAsync("target", node, Alone, CancellationToken.None);
        setup.Start(new Work(_ => Task.CompletedTask));
        await setup.Job.Concluded.WaitAsync(Patience);

        Assert.Empty(node.Parents);
        Assert.Empty(bed.Host.Jobs.List());
    }

    private static async Task<HostBed> BedAsync()
    {
        var bed = await HostBed.StartAsync();
        await bed.ExecuteAsync("""{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"n","size":1048576}}""");
        return bed;
    }

    private static async Task<(IJobSetup Setup, IGraphNode Node)> SetupAsync(HostBed bed, string id)
    {
        Assert.True(bed.Graph.TryGetNode("n", out var node));
        return (await bed.Host.Jobs.CreateAsync(new JobRequest { Type = new WorkType(), Id = id }, CancellationToken.None), node);
    }

    private sealed class WorkType : JobType
    {
        public override string Name => "work";
    }

    private sealed class Work(Func<IJobContext, Task> body) : BackgroundJob
    {
        public override Task RunAsync(IJobContext context, CancellationToken cancellationToken) => body(context);
    }
}
