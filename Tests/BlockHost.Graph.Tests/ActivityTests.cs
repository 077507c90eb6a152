// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

/// <summary>Nodes whose images are handed to another process, and taken back.</summary>
public sealed class ActivityTests
{
    private const string Disk =
        "{'driver':'layer','node-name':'disk','file':{'driver':'memory','node-name':'file','filename':'f','size':65536}}";

    private static readonly BackendOptions Guest = TestGraph.Writer with { AllowInactive = true };

    [Fact]
    public async Task An_inactive_node_takes_no_write_and_no_resize_and_has_no_permission()
    {
        await using var graph = await WithDiskAsync();
        await using var guest = await graph.BackendAsync("disk", Guest);
        await using var queue = guest.OpenQueue();
        Assert.True((await queue.WriteAsync(0, new byte[4096])).IsOk);

        await SetActiveAsync(graph, "disk", false);

        Assert.False(graph.Graph.Lookup(null, "disk").IsActive);
        Assert.False(graph.Graph.Lookup(null, "file").IsActive);
        Assert.Equal(Errno.EPERM, (await queue.WriteAsync(0, new byte[4096])).Errno);
        Assert.Equal(Errno.EPERM, (await queue.WriteZeroesAsync(0, 4096)).Errno);
        Assert.Equal(Errno.EPERM, (await queue.DiscardAsync(0, 4096)).Errno);
        Assert.Equal(Errno.EPERM, (await queue.GetStatusAsync(0, 4096)).Status.Errno);
        Assert.True((await queue.FlushAsync()).IsOk);
        Assert.Equal("prepare None", graph.Memory.Opened[0].PermissionCalls[^2]);
        var resize = await Assert.ThrowsAsync<BlockException>(
            () => graph.Graph.Lookup(null, "disk").ResizeAsync(1 << 20, default, default).AsTask());
        Assert.Equal("Permission 'resize' unavailable on inactive node", resize.Message);
    }

    [Fact]
    public async Task It_is_flushed_and_its_format_is_closed_before_its_storage_is_let_go_of()
    {
        await using var graph = await WithDiskAsync();
        var permissions = BlockPermissions.None;
        graph.Layer.BeforeClose = () =>
        {
            permissions = graph.Graph.Lookup(null, "file").Parents.Single().Permissions.Needed;
            return Task.CompletedTask;
        };

        await SetActiveAsync(graph, "disk", false);

        Assert.True(permissions.HasFlag(BlockPermissions.Write));
        Assert.True(graph.Memory.Opened[0].Flushes > 0);
        Assert.False(graph.Memory.Opened[0].IsClosed);
        graph.Layer.BeforeClose = null;
    }

    [Fact]
    public async Task What_another_process_has_changed_is_read_while_it_is_inactive_and_afterwards()
    {
        await using var graph = await WithDiskAsync();
        await using var guest = await graph.BackendAsync("disk", Guest);
        await using var queue = guest.OpenQueue();
        await SetActiveAsync(graph, "disk", false);
        graph.Memory.Opened[0].Bytes.AsSpan(8192, 4096).Fill(7);
        graph.Layer.Allocated["f"] = [2];

        Assert.Equal(7, await FirstByteAsync(queue, 8192));
        graph.Layer.Allocated["f"] = [];
        Assert.Equal(0, await FirstByteAsync(queue, 8192));
        graph.Layer.Allocated["f"] = [2];
        await SetActiveAsync(graph, "disk", true);
        Assert.Equal(7, await FirstByteAsync(queue, 8192));
        Assert.True((await queue.WriteAsync(4096, new byte[4096])).IsOk);
    }

    [Fact]
    public async Task Who_writes_keeps_its_node_active_unless_it_allows_the_other()
    {
        await using var graph = await WithDiskAsync();
        await using (await graph.BackendAsync("disk", TestGraph.Writer))
        {
            var refusal = await Assert.ThrowsAsync<BlockException>(() => SetActiveAsync(graph, "disk", false));
            Assert.Equal("Failed to inactivate node: Operation not permitted", refusal.Message);
            refusal = await Assert.ThrowsAsync<BlockException>(() => SetActiveAsync(graph, null, false));
            Assert.Equal("Failed to inactivate all nodes: Operation not permitted", refusal.Message);
            Assert.True(graph.Graph.Lookup(null, "disk").IsActive);
        }

        await using var reader = await graph.BackendAsync("disk", TestGraph.Reader);
        await SetActiveAsync(graph, "disk", false);
        await SetActiveAsync(graph, "disk", false);
        var late = await Assert.ThrowsAsync<BlockException>(() => graph.BackendAsync("disk", TestGraph.Writer));
        Assert.Equal("Permission 'consistent read, write' unavailable on inactive node", late.Message);
        await using var guest = await graph.BackendAsync("disk", Guest);
        Assert.Equal(BlockPermissions.None, guest.Edge.Permissions.Needed);
        await SetActiveAsync(graph, "disk", true);
        Assert.Equal(BlockPermissions.ConsistentRead | BlockPermissions.Write, guest.Edge.Permissions.Needed);
    }

    [Fact]
    public async Task A_node_stays_active_for_an_active_node_above_it()
    {
        await using var graph = await WithDiskAsync();
        await graph.AddAsync("{'driver':'layer','node-name':'one','file':{'driver':'memory','node-name':'m1'},'backing':'disk'}");
        await graph.AddAsync("{'driver':'layer','node-name':'two','file':{'driver':'memory','node-name':'m2'},'backing':'disk'}");

        var refusal = await Assert.ThrowsAsync<BlockException>(() => SetActiveAsync(graph, "disk", false));
        Assert.Equal("Node has active parent node", refusal.Message);
        await SetActiveAsync(graph, "one", false);
        Assert.Equal(["one", "m1"], Inactive(graph));
        await SetActiveAsync(graph, "two", false);
        Assert.Equal(6, Inactive(graph).Count);
        await SetActiveAsync(graph, "one", true);
        Assert.Equal(["two", "m2"], Inactive(graph));
    }

    [Fact]
    public async Task An_active_node_is_not_built_on_an_inactive_one()
    {
        await using var graph = await WithDiskAsync();
        await SetActiveAsync(graph, "disk", false);

        var refusal = await Assert.ThrowsAsync<BlockException>(
            () => graph.AddAsync("{'driver':'layer','node-name':'top','file':'disk'}"));
        Assert.Equal("Inactive 'disk' can't be a file child of active 'top'", refusal.Message);
        await graph.AddAsync("{'driver':'layer','node-name':'top','file':'disk','active':false}");
        Assert.False(graph.Graph.Lookup(null, "top").IsActive);
        await SetActiveAsync(graph, "top", true);
        Assert.Empty(Inactive(graph));
    }

    [Fact]
    public async Task A_node_that_is_opened_inactive_takes_no_lock_and_opens_for_writing_when_it_is_activated()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync(Disk.Replace("'disk',", "'disk','active':false,", StringComparison.Ordinal));
        Assert.Equal(["disk", "file"], Inactive(graph));
        Assert.All(graph.Memory.Opened[0].PermissionCalls, call => Assert.Contains(call, (string[])["prepare None", "commit"]));
        await SetActiveAsync(graph, null, true);
        Assert.Contains(graph.Memory.Opened[0].PermissionCalls, call => call.Contains("Write", StringComparison.Ordinal));
        Assert.False(graph.Graph.Lookup(null, "disk").ReadOnly);
    }

    [Fact]
    public async Task Where_the_other_process_keeps_its_locks_everything_stays_inactive()
    {
        await using var graph = await WithDiskAsync();
        await using var guest = await graph.BackendAsync("disk", Guest);
        await using var queue = guest.OpenQueue();
        await SetActiveAsync(graph, null, false);
        graph.Memory.Opened[0].RefusePermissions = new BlockException(BlockErrorKind.Busy, "Failed to get \"write\" lock");

        var refusal = await Assert.ThrowsAsync<BlockException>(() => SetActiveAsync(graph, null, true));
        Assert.Equal("Failed to get \"write\" lock", refusal.Message);
        Assert.Equal(["disk", "file"], Inactive(graph));
        Assert.Equal(Errno.EPERM, (await queue.WriteAsync(0, new byte[4096])).Errno);
        graph.Memory.Opened[0].RefusePermissions = null;
        await SetActiveAsync(graph, null, true);
        Assert.True((await queue.WriteAsync(0, new byte[4096])).IsOk);
    }

    [Fact]
    public async Task Where_the_format_cannot_be_opened_again_everything_stays_inactive_and_can_be_tried_again()
    {
        await using var graph = await WithDiskAsync();
        await using var guest = await graph.BackendAsync("disk", Guest);
        await using var queue = guest.OpenQueue();
        await SetActiveAsync(graph, null, false);
        graph.Layer.BeforeOpenReturns = () => throw new BlockException(BlockErrorKind.Io, "Image is corrupt");

        await Assert.ThrowsAsync<BlockException>(() => SetActiveAsync(graph, null, true));
        Assert.Equal(["disk", "file"], Inactive(graph));
        Assert.Equal("prepare None", graph.Memory.Opened[0].PermissionCalls[^2]);
        graph.Layer.BeforeOpenReturns = null;
        await SetActiveAsync(graph, null, true);
        Assert.True((await queue.WriteAsync(0, new byte[4096])).IsOk);
    }

    [Fact]
    public async Task What_cannot_be_written_back_leaves_all_active()
    {
        await using var graph = await WithDiskAsync();
        await using var guest = await graph.BackendAsync("disk", Guest);
        await using var queue = guest.OpenQueue();
        graph.Layer.BeforeClose = () => throw new BlockException(BlockErrorKind.NoSpace, "No space left on device");

        var refusal = await Assert.ThrowsAsync<BlockException>(() => SetActiveAsync(graph, null, false));
        Assert.Equal("Failed to inactivate all nodes: No space left on device", refusal.Message);
        graph.Layer.BeforeClose = null;
        Assert.Empty(Inactive(graph));
        Assert.True((await queue.WriteAsync(0, new byte[4096])).IsOk);
    }

    [Fact]
    public async Task An_overlay_that_comes_over_an_inactive_node_becomes_inactive()
    {
        await using var graph = await WithDiskAsync();
        await SetActiveAsync(graph, "disk", false);
        var overlay = await graph.AddAsync(
            "{'driver':'layer','node-name':'top','file':{'driver':'memory','node-name':'m','size':65536}}");
        await graph.Graph.AppendAsync(overlay, graph.Graph.Lookup(null, "disk"), default);
        Assert.Equal(4, Inactive(graph).Count);
        await SetActiveAsync(graph, "top", true);
        Assert.Empty(Inactive(graph));
    }

    [Fact]
    public async Task Users_are_not_given_a_node_of_the_other_kind()
    {
        await using var graph = await WithDiskAsync();
        await using var guest = await graph.BackendAsync("disk", Guest);
        var other = await graph.AddAsync("{'driver':'memory','node-name':'other','size':65536,'active':false}");
        var refusal = await Assert.ThrowsAsync<BlockException>(
            () => graph.Graph.ReplaceAsync(graph.Graph.Lookup(null, "disk"), other, default).AsTask());
        Assert.Equal("Node 'other' can't take the place of 'disk': only one of them is active", refusal.Message);
    }

    [Fact]
    public async Task A_bitmap_that_is_handed_over_stays_while_others_are_as_they_were()
    {
        await using var graph = await WithDiskAsync();
        var bitmaps = graph.Graph.Lookup(null, "disk").DirtyBitmaps;
        var plain = await bitmaps.AddAsync(new DirtyBitmapOptions { Name = "plain" }, default);
        var moved = await bitmaps.AddAsync(new DirtyBitmapOptions { Name = "moved" }, default);
        (moved.IsPersistent, moved.IsHandedOver) = (true, true);
        await SetActiveAsync(graph, null, false);
        Assert.Equal([moved, plain], bitmaps.Named);
    }

    [Fact]
    public async Task A_reopen_and_a_read_only_change_wait_for_the_node_to_be_active()
    {
        await using var graph = await WithDiskAsync();
        await SetActiveAsync(graph, "disk", false);
        var disk = graph.Graph.Lookup(null, "disk");
        var refusal = await Assert.ThrowsAsync<BlockException>(() => graph.Graph.SetReadOnlyAsync(disk, true, default).AsTask());
        Assert.Equal("Node 'disk' is inactive", refusal.Message);
        Assert.False(disk.TryGetFacet<IReopenable>(out _));
    }

    private static async Task<TestGraph> WithDiskAsync()
    {
        var graph = new TestGraph();
        await graph.AddAsync(Disk);
        return graph;
    }

    private static Task SetActiveAsync(TestGraph graph, string? node, bool active) =>
        graph.Graph.SetActiveAsync(node is null ? null : graph.Graph.Lookup(null, node), active, default).AsTask();

    private static List<string> Inactive(TestGraph graph) =>
        [.. graph.Graph.Nodes.Where(node => !node.IsActive).Select(node => node.Name)];

    private static async Task<byte> FirstByteAsync(IBlockQueue queue, long offset)
    {
        var data = new byte[4096];
        Assert.True((await queue.ReadAsync(offset, data)).IsOk);
        return data[0];
    }
}
