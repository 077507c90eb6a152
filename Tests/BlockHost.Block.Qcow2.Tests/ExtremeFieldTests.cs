// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Formats.Testing;
using BlockHost.Plugins.Block.Qcow2;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Any number in any field: see <see cref="ExtremeFields"/>. By itself, as it counts what is allocated.</summary>
[CollectionDefinition(nameof(ExtremeFieldTests), DisableParallelization = true)]
[Collection(nameof(ExtremeFieldTests))]
public sealed class ExtremeFieldTests
{
    private static FormatBed Images { get; } = new(new Qcow2Plugin(), "qcow2");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Any_number_in_the_header_or_a_table_ends_soon(bool extended)
    {
        var whole = await MakeAsync(extended);
        var fields = new ExtremeFields(Images, whole, bigEndian: true);
        await fields.ExamineAsync(4, 128);
        foreach (var at in new[] { 40, 48, 64 })
            await fields.ExamineAsync(Number(whole, at), Number(whole, at) + 16);
        await fields.ExamineAsync(Place(whole, Number(whole, 40)), Place(whole, Number(whole, 40)) + 16);
        await fields.ExamineAsync(Number(whole, Number(whole, 48)), Number(whole, Number(whole, 48)) + 8);
    }

    private static async Task<MemoryImage> MakeAsync(bool extended)
    {
        var whole = await Images.CreateAsync(("size", 6 << 20), ("extended-l2", extended));
        await using var node = await Images.OpenAsync(whole);
        await Disk.WriteAsync(node, 1000, 70_000, 8);
        await node.WriteAsync(1 << 20, new byte[65536], WriteFlags.Compressed, default);
        Assert.True(node.TryGetFacet<ISnapshotStore>(out var snapshots));
        await snapshots.CreateAsync(new SnapshotRecord("", "one", 0, DateTimeOffset.UnixEpoch, TimeSpan.Zero), default);
        return whole;
    }

    private static long Number(MemoryImage image, long at) => BinaryPrimitives.ReadInt64BigEndian(image.Read(at, 8));

    private static long Place(MemoryImage image, long at) => Number(image, at) & 0x00fffffffffffe00;
}
