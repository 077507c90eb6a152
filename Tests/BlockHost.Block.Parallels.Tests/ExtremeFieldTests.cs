// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Parallels.Tests;

/// <summary>Any number in any field: see <see cref="ExtremeFields"/>. By itself, as it counts what is allocated.</summary>
[CollectionDefinition(nameof(ExtremeFieldTests), DisableParallelization = true)]
[Collection(nameof(ExtremeFieldTests))]
public sealed class ExtremeFieldTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Any_number_in_the_header_or_the_table_ends_soon(bool hasBitmap)
    {
        var whole = await ParallelsBed.CreateAsync(8);
        await using (var node = await ParallelsBed.Images.OpenAsync(whole))
            await Disk.WriteAsync(node, 3 * ParallelsBed.Cluster, 70_000, 8);
        if (hasBitmap)
            ParallelsBed.AddBitmap(whole);
        var fields = new ExtremeFields(ParallelsBed.Images, whole, bigEndian: false);
        await fields.ExamineAsync(16, 64 + 32);
    }
}
