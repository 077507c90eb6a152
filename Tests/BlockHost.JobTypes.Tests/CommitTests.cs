// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests;

/// <summary>Commits of layers that nobody writes, in chains such as b ◄ m ◄ t, of which t is written all the while.</summary>
public sealed class CommitTests : ChainTest
{
    [Theory]
    [MemberData(nameof(Clusters))]
    public async Task A_layer_goes_down_under_a_guest_that_writes(int baseClusters, int middleClusters, int topClusters)
    {
        await ChainOfClustersAsync(baseClusters, middleClusters, topClusters);

        await WhileGuestWritesAsync(() => CommitAsync("\"top-node\":\"m\""));

        Assert.Equal("b", Node("t").Backing!.Name);
        Assert.Equal(PathOf("b"), RecordedBacking("t"));
        Assert.True(Node("b").ReadOnly);
        Assert.Equal(Expected, await ReadAsync("t"));
        await CheckAsync("b", "m", "t");
    }

    [Fact]
    public async Task Two_layers_of_four_go_down_and_the_lowest_stays()
    {
        await ChainAsync("a", "b", "c", "d");
        await CommitAsync("\"top-node\":\"c\",\"base-node\":\"b\"", "d");
        Assert.Equal(["b", "a"], Backings("d"));

        await CommitAsync("\"top-node\":\"b\",\"base-node\":\"a\"", "d");
        Assert.Equal(["a"], Backings("d"));
        Assert.Equal(Expected, await ReadAsync("d"));
        await CheckAsync("a", "b", "c", "d");
    }

    [Fact]
    public async Task Three_layers_at_once()
    {
        await ChainAsync("a", "b", "c", "d");

        await WhileGuestWritesAsync(() => CommitAsync("\"top-node\":\"c\"", "d"), "d");

        Assert.Equal(["a"], Backings("d"));
        Assert.Equal(Expected, await ReadAsync("d"));
        await CheckAsync("a", "d");
    }

    [Fact]
    public async Task A_smaller_base_grows()
    {
        // What of the first image lies past the end of the second is not to be seen through it.
        await AddShortAsync("b", below: "a");
        await AddAsync("m", "b");
        await FillAsync("m", 2, 3 << 20, 65536);
        await AddAsync("t", "m");
        Assert.Equal(Expected, await ReadAsync("t"));

        await CommitAsync("\"top-node\":\"m\",\"base-node\":\"b\"");

        Assert.Equal(Size, Node("b").Length);
        Assert.Equal(Expected, await ReadAsync("t"));
        Assert.Equal(Expected, await ReadAsync("b"));
        await CheckAsync("a", "b", "t");
    }

    [Fact]
    public async Task What_reads_as_zero_because_a_layer_is_short_hides_the_base_afterwards_too()
    {
        await AddShortAsync("m", below: "b");
        await AddAsync("t", "m");
        Assert.Equal(Expected, await ReadAsync("t"));
        // The commit also has a layer to copy from that is long enough.
        await AddAsync("u", "t");
        await FillAsync("u", 2, 2 << 20, 4096);

        await CommitAsync("\"top-node\":\"t\"", "u");

        Assert.Equal(["b"], Backings("u"));
        Assert.Equal(Expected, await ReadAsync("u"));
    }

    [Fact]
    public async Task An_overlay_longer_than_the_layer_does_not_see_a_longer_base()
    {
        await AddShortAsync("m", below: "b");
        await AddAsync("t", "m");
        Assert.Equal(Expected, await ReadAsync("t"));

        await CommitAsync("\"top-node\":\"m\"");

        Assert.Equal(["b"], Backings("t"));
        Assert.Equal(Expected, await ReadAsync("t"));
    }

    [Fact]
    public async Task A_name_that_no_header_can_hold_fails_the_job_and_leaves_the_chain()
    {
        await ChainAsync("b", "m", "t");
        await ExecuteAsync(
            "block-commit",
            $"\"job-id\":\"j\",\"device\":\"t\",\"top-node\":\"m\",\"auto-dismiss\":false,\"backing-file\":\"{new string('x', 1100)}\"");
        await UntilAsync(JobStatus.Concluded);

        Assert.True(Bed.Host.Jobs.TryGet("j", out var job));
        Assert.NotNull(job.Info.Error);
        await CheckChainIsAsBeforeAsync();
    }

    [Fact]
    public async Task Zeroes_go_down_as_zeroes()
    {
        await AddAsync("b");
        await FillAsync("b", 1, 0, 1 << 20);
        await AddAsync("m", "b");
        await FillAsync("m", 0, 65536, 4 * 65536);
        await AddAsync("t", "m");

        await CommitAsync("\"top-node\":\"m\"");

        Assert.Equal(Expected, await ReadAsync("t"));
        await using var reader = await Bed.Graph.CreateBackendAsync(
            Node("b"), new BackendOptions { Permissions = BlockPermissionSet.None }, CancellationToken.None);
        await using var queue = reader.OpenQueue();
        var run = await queue.GetStatusAsync(65536, Size - 65536);
        Assert.Equal((4L * 65536, true), (run.Bytes, (run.Flags & BlockStatusFlags.Zero) != 0));
        await CheckAsync("b", "t");
    }

    [Fact]
    public async Task What_the_layer_does_not_hold_is_not_copied()
    {
        await AddAsync("b");
        await FillAsync("b", 1, 0, 65536);
        await AddAsync("m", "b");
        await FillAsync("m", 2, 65536, 65536);
        await AddAsync("t", "m");
        await FillAsync("t", 3, 2 * 65536, 65536);

        await CommitAsync("\"top-node\":\"m\"");

        var inBase = await ReadAsync("b");
        Assert.Equal((1, 2, 0), (inBase[0], inBase[65536], inBase[2 * 65536]));
        Assert.Equal(Expected, await ReadAsync("t"));
    }

    [Fact]
    public async Task The_header_records_the_name_that_the_user_gives()
    {
        await ChainAsync("b", "m", "t");
        await CommitAsync("\"top-node\":\"m\",\"backing-file\":\"elsewhere\"");
        Assert.Equal("elsewhere", RecordedBacking("t"));
    }

    [Fact]
    public async Task An_overlay_open_for_reading_only_is_written_for_its_header_and_then_is_so_again()
    {
        await ChainAsync("b", "m", "t");
        await MakeReadOnlyAsync("t");

        await CommitAsync("\"top-node\":\"m\"");

        Assert.Equal(PathOf("b"), RecordedBacking("t"));
        Assert.True(Node("t").ReadOnly);
        Assert.Equal(Expected, await ReadAsync("t"));
    }

    [Fact]
    public async Task Two_overlays_of_the_layer_both_get_the_base()
    {
        await ChainAsync("b", "m", "t");
        await AddAsync("u", "m");

        await CommitAsync("\"top-node\":\"m\"");

        Assert.Equal((PathOf("b"), PathOf("b")), (RecordedBacking("t"), RecordedBacking("u")));
        Assert.Equal(("b", "b"), (Node("t").Backing!.Name, Node("u").Backing!.Name));
    }

    [Theory]
    [InlineData(JobStatus.Running)]
    [InlineData(JobStatus.Paused)]
    [InlineData(JobStatus.Pending)]
    public async Task A_cancelled_commit_leaves_the_chain_as_it_was(JobStatus state)
    {
        await ChainAsync("b", "m", "t");
        await MakeReadOnlyAsync("b", "m");
        await WhileGuestWritesAsync(async () =>
        {
            await ExecuteAsync(
                "block-commit",
                $"\"job-id\":\"j\",\"device\":\"t\",\"top-node\":\"m\"{(state == JobStatus.Pending ? ",\"auto-finalize\":false" : ",\"speed\":65536")}");
            if (state == JobStatus.Paused)
                await ExecuteAsync("job-pause", "\"id\":\"j\"");
            await UntilAsync(state);
            await CancelJobAsync();
        });

        await CheckChainIsAsBeforeAsync();
        Assert.True(Node("b").ReadOnly);

        await CommitAsync("\"top-node\":\"m\"");
        Assert.Equal(["b"], Backings("t"));
        Assert.Equal(Expected, await ReadAsync("t"));
        await CheckAsync("b", "m", "t");
    }

    [Fact]
    public async Task The_images_stand_as_told_when_they_are_opened_again()
    {
        await ChainAsync("b", "m", "t");
        await CommitAsync("\"top-node\":\"m\"");
        foreach (var name in (string[])["t", "m", "b"])
            await ExecuteAsync("blockdev-del", $"\"node-name\":\"{name}\"");

        await ExecuteAsync("blockdev-add", $$"""
            "driver":"qcow2","node-name":"again","file":{"driver":"file","filename":"{{PathOf("t")}}"}
            """);

        Assert.Equal(Expected, await ReadAsync("again"));
        Assert.Null(Node("again").Backing!.Backing);
    }

    private async Task CommitAsync(string more, string device = "t")
    {
        await ExecuteAsync("block-commit", $"\"job-id\":\"j\",\"device\":\"{device}\",{more}");
        await UntilGoneAsync();
    }
}
