// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow.Tests;

/// <summary>Any number in any field: see <see cref="ExtremeFields"/>. By itself, as it counts what is allocated.</summary>
[CollectionDefinition(nameof(ExtremeFieldTests), DisableParallelization = true)]
[Collection(nameof(ExtremeFieldTests))]
public sealed class ExtremeFieldTests
{
    [Fact]
    public async Task Any_number_in_the_header_or_a_table_ends_soon()
    {
        var whole = await QcowBed.CreateAsync(6 << 20);
        await using (var node = await QcowBed.Images.OpenAsync(whole))
        {
            await Disk.WriteAsync(node, 3 << 20, 70_000, 8);
            await node.WriteAsync(0, new byte[QcowBed.Cluster], WriteFlags.Compressed, default);
        }

        var top = QcowBed.Number(whole, 40);
        var fields = new ExtremeFields(QcowBed.Images, whole, bigEndian: true);
        await fields.ExamineAsync(4, 48);
        await fields.ExamineAsync(top, top + 16);
        await fields.ExamineAsync(QcowBed.Number(whole, top), QcowBed.Number(whole, top) + 16);
    }
}
