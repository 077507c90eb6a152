// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests;

/// <summary>Commits of a layer that guests write all the while.</summary>
public sealed class ActiveCommitTests : ChainTest
{
    [Theory]
    [MemberData(nameof(Clusters))]
    public async Task Guests_move_to_the_base_and_lose_no_write(int baseClusters, int middleClusters, int topClusters)
    {
        await ChainOfClustersAsync(baseClusters, middleClusters, topClusters);
        await FillAsync("t", 3, 3_000_000, 100_000);

        await WhileGuestWritesAsync(async guest =>
        {
            await CompleteAsync("");
            Assert.Equal("b", guest.Node.Name);
        });

        Assert.Equal(["m", "b"], Backings("t"));
        Assert.Equal(Expected, await ReadAsync("b"));
        await CheckAsync("b", "m", "t");
    }

    [Fact]
    public async Task Onto_a_layer_in_the_middle_what_is_below_stays()
    {
        await ChainAsync("a", "b", "c", "d");
        var below = await ReadAsync("a");

        await CompleteAsync("\"base-node\":\"b\",", "d");

        Assert.Equal(Expected, await ReadAsync("b"));
        Assert.Equal(below, await ReadAsync("a"));
        await CheckAsync("a", "b", "c", "d");
    }

    [Fact]
    public async Task A_smaller_base_grows_and_shows_nothing_of_a_longer_one_below()
    {
        await AddShortAsync("b", below: "a");
        await AddAsync("t", "b");
        await FillAsync("t", 2, 3 << 20, 65536);

        await CompleteAsync("\"base-node\":\"b\",");

        Assert.Equal(Size, Node("b").Length);
        Assert.Equal(Expected, await ReadAsync("b"));
        await CheckAsync("a", "b", "t");
    }

    [Fact]
    public async Task What_reads_as_zero_because_a_layer_is_short_hides_the_base_afterwards_too()
    {
        await AddShortAsync("m", below: "b");
        await AddAsync("t", "m");

        await CompleteAsync("");

        Assert.Equal(Expected, await ReadAsync("b"));
    }

    [Theory]
    [InlineData(JobStatus.Running)]
    [InlineData(JobStatus.Paused)]
    [InlineData(JobStatus.Ready)]
    [InlineData(JobStatus.Standby)]
    [InlineData(JobStatus.Pending)]
    public async Task A_cancelled_commit_leaves_the_chain_as_it_was(JobStatus state)
    {
        await ChainAsync("b", "m", "t");
        await WhileGuestWritesAsync(async guest =>
        {
            await CommitAsync(state is JobStatus.Running or JobStatus.Paused ? "\"speed\":65536," : "\"auto-finalize\":false,");
            await ReachAsync(state);
            await CancelJobAsync();
            Assert.Equal("t", guest.Node.Name);
        });

        await CheckChainIsAsBeforeAsync();
        await CheckAsync("b", "m", "t");
    }

    [Fact]
    public async Task A_soft_cancel_when_ready_leaves_guests_where_they_are_over_a_base_that_has_it_all()
    {
        await ChainAsync("b", "m", "t");
        await using var guest = await OpenAsync("t");
        await CommitAsync("");
        await UntilAsync(JobStatus.Ready);

        await CancelSoftlyAsync();

        Assert.Equal("t", guest.Node.Name);
        Assert.Equal(Expected, await ReadAsync("t"));
        Assert.Equal(Expected, await ReadAsync("b"));
    }

    [Fact]
    public async Task A_layer_in_between_is_committed_so_where_a_guest_writes_it()
    {
        await ChainAsync("b", "m");
        await AddAsync("t", "m");
        await WhileGuestWritesAsync(
            async guest =>
            {
                await ExecuteAsync("block-commit", "\"job-id\":\"j\",\"device\":\"t\",\"top-node\":\"m\"");
                await CompleteJobAsync();
                Assert.Equal("b", guest.Node.Name);
            },
            "m");

        Assert.Equal(["b"], Backings("t"));
        Assert.Equal(Expected, await ReadAsync("t"));
    }

    [Fact]
    public async Task While_it_runs_nobody_else_reads_what_lies_between()
    {
        await ChainAsync("b", "m", "t");
        await CommitAsync("");
        await UntilAsync(JobStatus.Ready);

        var refusal = await Assert.ThrowsAsync<BlockException>(
            async () => await Bed.Graph.CreateBackendAsync(Node("m"), Reader, CancellationToken.None));

        Assert.Contains("unshared by commit job 'j' (uses node 'm' as 'intermediate node' child)", refusal.Message);
        await CancelJobAsync();
    }

    [Fact]
    public async Task A_base_that_could_not_be_committed_to_is_for_reading_again()
    {
        await ChainAsync("b", "t");
        await MakeReadOnlyAsync("b");

        var answer = await Bed.ExecuteAsync("""{"execute":"block-commit","arguments":{"job-id":"j","device":"t","speed":-1}}""");

        Assert.NotNull(answer["error"]);
        Assert.True(Node("b").ReadOnly);
    }

    private Task CommitAsync(string more, string device = "t") =>
        ExecuteAsync("block-commit", $"{more}\"job-id\":\"j\",\"device\":\"{device}\"");

    private async Task CompleteAsync(string more, string device = "t")
    {
        await CommitAsync(more, device);
        await CompleteJobAsync();
    }

    private async Task ReachAsync(JobStatus state)
    {
        if (state is JobStatus.Ready or JobStatus.Standby or JobStatus.Pending)
            await UntilAsync(JobStatus.Ready);
        if (state is JobStatus.Paused or JobStatus.Standby)
            await ExecuteAsync("job-pause", "\"id\":\"j\"");
        if (state is JobStatus.Pending)
            await ExecuteAsync("job-complete", "\"id\":\"j\"");
        await UntilAsync(state);
    }
}
