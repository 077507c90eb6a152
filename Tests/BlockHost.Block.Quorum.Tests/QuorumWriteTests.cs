// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Quorum.Tests;

public sealed class QuorumWriteTests
{
    private const string Two = ""","vote-threshold":2""";

    [Fact]
    public async Task A_write_goes_to_all_children()
    {
        var bed = await QuorumBed.OpenAsync(Two, 0, 0, 0);
        await bed.Node.WriteAsync(512, new byte[] { 7 }, WriteFlags.None, default);
        await bed.Node.FlushAsync(default);
        Assert.All([0, 1, 2], child => Assert.Equal(7, bed.ByteOf(child, 512)));
        Assert.Empty(bed.Events);
    }

    [Theory]
    [InlineData(ChildOperationKind.Write, "write", 2)]
    [InlineData(ChildOperationKind.WriteZeroes, "write", 2)]
    [InlineData(ChildOperationKind.Flush, "flush", 0)]
    public async Task A_failing_child_is_reported_and_the_others_do(ChildOperationKind kind, string type, int sectors)
    {
        var bed = await QuorumBed.OpenAsync(Two, 0, 0, 0);
        bed.Children[1].Plan.FailWhen = operation => operation.Kind == kind;
        bed.Children[1].Plan.Kind = BlockErrorKind.NoSpace;
        await RunAsync(bed, kind);
        Assert.Equal(
            [$$"""QUORUM_REPORT_BAD {"type":"{{type}}","error":"No space left on device","node-name":"c1","sector-num":0,"sectors-count":{{sectors}}}"""],
            bed.Events);
    }

    [Theory]
    [InlineData(ChildOperationKind.Write, true)]
    [InlineData(ChildOperationKind.WriteZeroes, true)]
    [InlineData(ChildOperationKind.Flush, false)]
    public async Task Too_few_that_work_fail_the_request(ChildOperationKind kind, bool reports)
    {
        var bed = await QuorumBed.OpenAsync(""","vote-threshold":3""", 0, 0, 0);
        bed.Children[1].Plan.FailWhen = operation => operation.Kind == kind;
        bed.Children[1].Plan.Kind = BlockErrorKind.NoSpace;
        var e = await Assert.ThrowsAsync<BlockException>(() => RunAsync(bed, kind));
        Assert.Equal(Errno.ENOSPC, e.Errno);
        Assert.Equal(reports, bed.Events.Contains("""QUORUM_FAILURE {"reference":"q","sector-num":0,"sectors-count":2}"""));
    }

    /// <summary>Copies that got overlapping writes in different orders would differ for good.</summary>
    [Fact]
    public async Task Overlapping_writes_take_turns()
    {
        var bed = await QuorumBed.OpenAsync(Two, 0, 0, 0);
        var writes = Enumerable.Range(1, 50).Select(i => Task.Run(async () =>
        {
            var data = new byte[4096];
            data.AsSpan().Fill((byte)i);
            await bed.Node.WriteAsync(i % 3 * 1024, data, WriteFlags.None, default);
        }));
        await Task.WhenAll(writes);
        await bed.ReadAsync(0, QuorumBed.Length);
        Assert.Empty(bed.Events);
    }

    [Fact]
    public async Task Children_come_and_go_and_numbers_are_not_used_twice_but_the_last()
    {
        var bed = await QuorumBed.OpenAsync(Two, 0, 0, 0);
        var list = Assert.IsAssignableFrom<IChildList>(bed.Node);
        Assert.Equal(3, list.CheckAdd("x", bed.Children[0].Profile));
        list.CheckRemove(bed.Children[2]);
        list.Remove(bed.Children[2]);
        Assert.Equal(2, list.CheckAdd("x", bed.Children[0].Profile));
        var refused = Assert.Throws<BlockException>(() => list.CheckRemove(bed.Children[0]));
        Assert.Equal("The number of children cannot be lower than the vote threshold 2", refused.Message);
        list.Add(bed.Children[2]);
        list.Remove(bed.Children[0]);
        Assert.Equal(3, list.CheckAdd("x", bed.Children[0].Profile));
    }

    /// <summary>QEMU takes it, and dies when it is written beyond the child's end.</summary>
    [Fact]
    public async Task A_child_of_another_length_is_refused()
    {
        var bed = await QuorumBed.OpenAsync(Two, 0, 0, 0);
        var shorter = bed.Child(new MemoryImage(512));
        var e = Assert.Throws<BlockException>(() => ((IChildList)bed.Node).CheckAdd("c3", shorter.Profile));
        Assert.Equal("Node 'c3' has 512 bytes, the children of 'q' have 65536", e.Message);
    }

    private static async Task RunAsync(QuorumBed bed, ChildOperationKind kind)
    {
        if (kind == ChildOperationKind.Write)
            await bed.Node.WriteAsync(0, new byte[1024], WriteFlags.None, default);
        else if (kind == ChildOperationKind.WriteZeroes)
            await bed.Node.WriteZeroesAsync(0, 1024, ZeroFlags.None, default);
        else
            await bed.Node.FlushAsync(default);
    }
}
