// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qed.Tests;

/// <summary>Any number in any field: see <see cref="ExtremeFields"/>. By itself, as it counts what is allocated.</summary>
[CollectionDefinition(nameof(ExtremeFieldTests), DisableParallelization = true)]
[Collection(nameof(ExtremeFieldTests))]
public sealed class ExtremeFieldTests
{
    [Fact]
    public async Task Any_number_in_the_header_or_a_table_ends_soon()
    {
        var whole = await QedBed.CreateAsync(6 << 20);
        await using (var node = await QedBed.Images.OpenAsync(whole))
            await Disk.WriteAsync(node, 1000, 70_000, 8);
        var table = QedBed.FirstTable(whole);
        var fields = new ExtremeFields(QedBed.Images, whole, bigEndian: false);
        await fields.ExamineAsync(4, 64);
        await fields.ExamineAsync(QedBed.TopAt, QedBed.TopAt + 16);
        await fields.ExamineAsync(table, table + 16);
    }
}
