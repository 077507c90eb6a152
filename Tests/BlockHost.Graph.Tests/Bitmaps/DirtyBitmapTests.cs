// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests.Bitmaps;

public sealed class DirtyBitmapTests
{
    private const int Unit = 65536;

    [Fact]
    public async Task Writes_zeroes_and_discards_are_marked_and_reads_are_not()
    {
        await using var graph = new TestGraph();
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk','discard':'unmap'}");
        var bitmap = await AddAsync(node);
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();

        await queue.ReadAsync(0, new byte[512]);
        Assert.Equal(0, bitmap.DirtyBytes);
        await queue.WriteAsync(Unit - 1, new byte[2]);
        await queue.WriteZeroesAsync(4 * Unit, 512);
        await queue.DiscardAsync(8 * Unit, Unit);

        Assert.Equal([(0, 2 * Unit), (4 * Unit, Unit), (8 * Unit, Unit)], Ranges(bitmap));
        Assert.Equal(4 * Unit, bitmap.DirtyBytes);
    }

    [Fact]
    public async Task A_write_is_marked_when_it_has_completed_and_not_before()
    {
        var release = new TaskCompletionSource();
        await using var graph = new TestGraph { Memory = { BeforeRequest = _ => new(release.Task) } };
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var bitmap = await AddAsync(node);
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();

        var write = queue.WriteAsync(0, new byte[512]);
        Assert.Equal(0, bitmap.DirtyBytes);
        release.SetResult();
        await write;

        Assert.Equal(Unit, bitmap.DirtyBytes);
    }

    [Fact]
    public async Task A_write_that_fails_is_marked_as_well()
    {
        await using var graph = new TestGraph
        {
            Memory = { BeforeRequest = _ => throw new BlockException(
            BlockErrorKind.Io, "no") }
        };
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var bitmap = await AddAsync(node);
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();

        Assert.False((await queue.WriteAsync(0, new byte[512])).IsOk);

        Assert.Equal(Unit, bitmap.DirtyBytes);
    }

    [Fact]
    public async Task Only_enabled_bitmaps_record()
    {
        await using var graph = new TestGraph();
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var bitmap = await AddAsync(node, disabled: true);
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();

        await queue.WriteAsync(0, new byte[512]);
        Assert.Equal(0, bitmap.DirtyBytes);
        bitmap.Enabled = true;
        await queue.WriteAsync(0, new byte[512]);
        Assert.Equal(Unit, bitmap.DirtyBytes);
        bitmap.Dispose();
        await queue.WriteAsync(Unit, new byte[512]);
        Assert.Equal(Unit, bitmap.DirtyBytes);
        Assert.Empty(node.DirtyBitmaps.Named);
    }

    [Fact]
    public async Task Recording_allocates_nothing()
    {
        await using var graph = new TestGraph();
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await AddAsync(node);
        await AddAsync(node, "second", granularity: 512);
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        Memory<byte> buffer = new byte[4096];

        Assert.Equal(0, Allocations.Of(() => Assert.True(queue.WriteAsync(8192, buffer).Result.IsOk)));
    }

    [Fact]
    public async Task A_frozen_bitmap_stays_as_it_is_while_its_successor_records()
    {
        await using var graph = new TestGraph();
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var bitmap = await AddAsync(node);
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        await queue.WriteAsync(0, new byte[512]);

        var frozen = bitmap.Freeze();
        await queue.WriteAsync(Unit, new byte[512]);
        Assert.Equal([(0, Unit)], Ranges(bitmap));
        Assert.True(bitmap.IsBusy);
        Assert.True(bitmap.IsRecording);
        Assert.Equal(
            "Bitmap 'b' is currently in use by another operation and cannot be used",
            Assert.Throws<BlockException>(() => bitmap.RequireUsable()).Message);

        var heir = frozen.Abdicate();
        await queue.WriteAsync(2 * Unit, new byte[512]);
        Assert.Equal([heir], node.DirtyBitmaps.Named);
        Assert.Equal("b", heir.Name);
        Assert.Equal([(Unit, 2 * Unit)], Ranges(heir));
    }

    [Fact]
    public async Task A_reclaimed_bitmap_has_what_its_successor_recorded()
    {
        await using var graph = new TestGraph();
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var bitmap = await AddAsync(node);
        await using var backend = await graph.BackendAsync("disk", TestGraph.Writer);
        await using var queue = backend.OpenQueue();
        await queue.WriteAsync(0, new byte[512]);

        var frozen = bitmap.Freeze();
        await queue.WriteAsync(3 * Unit, new byte[512]);
        frozen.Reclaim();
        await queue.WriteAsync(5 * Unit, new byte[512]);

        Assert.Equal([bitmap], node.DirtyBitmaps.Named);
        Assert.False(bitmap.IsBusy);
        Assert.Equal([(0, Unit), (3 * Unit, Unit), (5 * Unit, Unit)], Ranges(bitmap));
    }

    [Fact]
    public async Task Bitmaps_of_other_granularities_are_merged_and_of_other_lengths_refused()
    {
        await using var graph = new TestGraph();
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var other = await graph.AddAsync("{'driver':'memory','node-name':'other','size':4096}");
        var coarse = await AddAsync(node);
        var fine = await AddAsync(node, "fine", granularity: 512);
        fine.Set(Unit - 512, 1024);

        coarse.Merge(fine);
        Assert.Equal([(0, 2 * Unit)], Ranges(coarse));
        var error = Assert.Throws<BlockException>(() => coarse.Merge(other.DirtyBitmaps.CreateAnonymous(512)));
        Assert.Equal(
            "Bitmaps are of different sizes (destination size is 1048576, source size is 4096) and can't be merged",
            error.Message);
    }

    [Fact]
    public async Task A_captured_state_comes_back()
    {
        await using var graph = new TestGraph();
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var bitmap = await AddAsync(node);
        bitmap.Set(Unit, Unit);
        var before = bitmap.Capture();
        bitmap.Clear();
        Assert.Equal(0, bitmap.DirtyBytes);
        bitmap.Restore(before);
        Assert.Equal([(Unit, Unit)], Ranges(bitmap));
    }

    [Fact]
    public async Task Bitmaps_follow_the_length_of_their_node()
    {
        await using var graph = new TestGraph();
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var bitmap = await AddAsync(node);
        bitmap.Set(0, node.Length);
        await node.ResizeAsync(2 * Unit + 1, new ResizeOptions(), CancellationToken.None);
        Assert.Equal(3 * Unit, bitmap.DirtyBytes);
        Assert.Equal([(0, (2 * Unit) + 1)], Ranges(bitmap));
        await node.ResizeAsync(8 * Unit, new ResizeOptions(), CancellationToken.None);
        Assert.Equal([(0, 3 * Unit)], Ranges(bitmap));
        bitmap.Set(7 * Unit, 1);
        Assert.Equal([(0, 3 * Unit), (7 * Unit, Unit)], Ranges(bitmap));
    }

    [Fact]
    public async Task Runs_tell_dirty_from_clean()
    {
        await using var graph = new TestGraph();
        var node = await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var bitmap = await AddAsync(node);
        bitmap.Set(2 * Unit, 3 * Unit);
        Assert.Equal(new DirtyRun(false, (2 * Unit) - 10), bitmap.GetRun(10, 1 << 20));
        Assert.Equal(new DirtyRun(true, 2 * Unit), bitmap.GetRun(3 * Unit, 1 << 20));
        Assert.Equal(new DirtyRun(true, 100), bitmap.GetRun(3 * Unit, 100));
        Assert.Equal(new DirtyRun(false, Unit), bitmap.GetRun(15 * Unit, Unit));
    }

    private static async Task<IDirtyBitmap> AddAsync(
        IGraphNode node, string name = "b", bool disabled = false, long? granularity = null) =>
        await node.DirtyBitmaps.AddAsync(
            new() { Name = name, Disabled = disabled, Granularity = granularity }, CancellationToken.None);

    private static List<(long Offset, long Bytes)> Ranges(IDirtyBitmap bitmap)
    {
        var ranges = new List<(long, long)>();
        for (long at = 0; bitmap.TryFindDirty(at, bitmap.Length, long.MaxValue, out var range); at = range.End)
            ranges.Add((range.Offset, range.Bytes));
        return ranges;
    }
}
