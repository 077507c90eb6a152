// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Quorum.Tests;

public sealed class QuorumReadTests
{
    private const string Two = ""","vote-threshold":2""";

    [Fact]
    public async Task Children_that_agree_raise_no_event()
    {
        var bed = await QuorumBed.OpenAsync(Two, 1, 1, 1);
        Assert.All(await bed.ReadAsync(100, 1000), b => Assert.Equal(1, b));
        Assert.Empty(bed.Events);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_child_that_is_outvoted_is_reported_without_an_error(int bad)
    {
        var bed = await QuorumBed.OpenAsync(Two, 1, 1, 1);
        bed.Corrupt(bad, 1100, 9);

        Assert.All(await bed.ReadAsync(1024, 1024), b => Assert.Equal(1, b));
        Assert.Equal(
            [$$"""QUORUM_REPORT_BAD {"type":"read","node-name":"c{{bad}}","sector-num":2,"sectors-count":2}"""], bed.Events);
        Assert.Equal(9, bed.ByteOf(bad, 1100));
    }

    [Fact]
    public async Task Too_few_that_agree_fail_the_read()
    {
        var bed = await QuorumBed.OpenAsync(Two, 1, 2, 3);
        var e = await Assert.ThrowsAsync<BlockException>(() => bed.ReadAsync(0, 512));
        Assert.Equal(Errno.EIO, e.Errno);
        Assert.Equal(["""QUORUM_FAILURE {"reference":"q","sector-num":0,"sectors-count":1}"""], bed.Events);
    }

    /// <summary>QEMU votes on the whole request only, and fails it.</summary>
    [Fact]
    public async Task Damage_in_different_places_of_different_children_is_outvoted_sector_by_sector()
    {
        var bed = await QuorumBed.OpenAsync(Two + ""","rewrite-corrupted":true""", 1, 1, 1);
        bed.Corrupt(0, 0, 9);
        bed.Corrupt(1, 700, 9);
        bed.Corrupt(2, 1023, 9);
        await Assert.ThrowsAsync<BlockException>(() => bed.ReadAsync(0, 1024));
        bed.Corrupt(2, 1023, 1);
        Assert.All(await bed.ReadAsync(0, 1024), b => Assert.Equal(1, b));
        Assert.Equal((1, 1), (bed.ByteOf(0), bed.ByteOf(1, 700)));
    }

    /// <summary>As QEMU's: the version that came last.</summary>
    [Fact]
    public async Task Of_versions_with_as_many_votes_the_last_wins()
    {
        var bed = await QuorumBed.OpenAsync(""","vote-threshold":1""", 1, 2);
        Assert.All(await bed.ReadAsync(0, 512), b => Assert.Equal(2, b));
        Assert.Equal(["""QUORUM_REPORT_BAD {"type":"read","node-name":"c0","sector-num":0,"sectors-count":1}"""], bed.Events);
    }

    [Fact]
    public async Task A_child_that_fails_is_reported_with_its_error_and_does_not_vote()
    {
        var bed = await QuorumBed.OpenAsync(Two, 1, 1, 1);
        bed.Children[0].Plan.FailWhen = operation => operation.Kind == ChildOperationKind.Read;
        Assert.All(await bed.ReadAsync(0, 512), b => Assert.Equal(1, b));
        Assert.Equal(
            ["""QUORUM_REPORT_BAD {"type":"read","error":"Input/output error","node-name":"c0","sector-num":0,"sectors-count":1}"""],
            bed.Events);
    }

    [Fact]
    public async Task Too_few_that_work_fail_the_read_with_the_error_that_most_have()
    {
        var bed = await QuorumBed.OpenAsync(""","vote-threshold":3""", 1, 1, 1, 1);
        bed.Children[0].Plan.FailWhen = _ => true;
        bed.Children[1].Plan.FailWhen = bed.Children[2].Plan.FailWhen = _ => true;
        bed.Children[1].Plan.Kind = bed.Children[2].Plan.Kind = BlockErrorKind.NoSpace;
        var e = await Assert.ThrowsAsync<BlockException>(() => bed.ReadAsync(0, 512));
        Assert.Equal(Errno.ENOSPC, e.Errno);
        Assert.Equal(3, bed.Events.Count(text => text.StartsWith("QUORUM_REPORT_BAD", StringComparison.Ordinal)));
        Assert.StartsWith("QUORUM_FAILURE", bed.Events[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Outvoted_children_get_the_winners_data_where_that_is_asked_for()
    {
        var bed = await QuorumBed.OpenAsync(Two + ""","rewrite-corrupted":true""", 1, 1, 1);
        bed.Corrupt(0, 5, 9);
        Assert.All(await bed.ReadAsync(0, 512), b => Assert.Equal(1, b));
        Assert.Equal(1, bed.ByteOf(0, 5));
        Assert.Single(bed.Events);
        Assert.All(await bed.ReadAsync(0, 512), b => Assert.Equal(1, b));
        Assert.Single(bed.Events);
    }

    [Fact]
    public async Task A_child_that_cannot_be_rewritten_does_not_fail_the_read()
    {
        var bed = await QuorumBed.OpenAsync(Two + ""","rewrite-corrupted":true""", 1, 1, 1);
        bed.Corrupt(1, 5, 9);
        bed.Children[1].Plan.FailWhen = operation => operation.Kind == ChildOperationKind.Write;
        Assert.All(await bed.ReadAsync(0, 512), b => Assert.Equal(1, b));
        Assert.Equal(9, bed.ByteOf(1, 5));
    }

    [Fact]
    public async Task Blkverify_names_the_first_byte_that_differs()
    {
        var bed = await QuorumBed.OpenAsync(Two + ""","blkverify":true""", 1, 1);
        bed.Corrupt(1, 700, 9);
        var e = await Assert.ThrowsAsync<BlockException>(() => bed.ReadAsync(512, 1024));
        Assert.Equal("quorum: offset=512 bytes=1024 contents mismatch at offset 700", e.Message);
    }

    [Fact]
    public async Task Fifo_takes_the_first_child_that_works_and_compares_nothing()
    {
        var bed = await QuorumBed.OpenAsync(""","vote-threshold":1,"read-pattern":"fifo" """, 1, 2);
        Assert.All(await bed.ReadAsync(0, 512), b => Assert.Equal(1, b));
        bed.Children[0].Plan.FailWhen = _ => true;
        Assert.All(await bed.ReadAsync(0, 512), b => Assert.Equal(2, b));
        Assert.Equal(
            ["""QUORUM_REPORT_BAD {"type":"read","error":"Input/output error","node-name":"c0","sector-num":0,"sectors-count":1}"""],
            bed.Events);
        bed.Children[1].Plan.FailWhen = _ => true;
        await Assert.ThrowsAsync<BlockException>(() => bed.ReadAsync(0, 512));
        Assert.DoesNotContain(bed.Events, text => text.StartsWith("QUORUM_FAILURE", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Zeroes_are_what_all_children_say_and_data_what_one_does()
    {
        var bed = await QuorumBed.OpenAsync(Two, 0, 0, 0);
        foreach (var child in bed.Children)
            await child.WriteZeroesAsync(0, QuorumBed.Length, ZeroFlags.MayUnmap);
        var status = await bed.Node.GetStatusAsync(0, QuorumBed.Length, StatusPrecision.WantZero, default);
        var own = await bed.Children[0].GetStatusAsync(0, QuorumBed.Length);
        Assert.Equal((own.Flags & BlockStatusFlags.Zero) != 0, (status.Flags & BlockStatusFlags.Zero) != 0);
        bed.Corrupt(2, 0, 1);
        status = await bed.Node.GetStatusAsync(0, QuorumBed.Length, StatusPrecision.WantZero, default);
        Assert.Equal(BlockStatusFlags.Data, status.Flags);
        bed.Children[0].Plan.FailWhen = operation => operation.Kind == ChildOperationKind.Status;
        status = await bed.Node.GetStatusAsync(0, QuorumBed.Length, StatusPrecision.WantZero, default);
        Assert.Equal((QuorumBed.Length, BlockStatusFlags.Data), (status.Bytes, status.Flags));
    }
}
