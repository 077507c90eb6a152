// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vdi.Tests;

/// <summary>Any number in any field: see <see cref="ExtremeFields"/>. By itself, as it counts what is allocated.</summary>
[CollectionDefinition(nameof(ExtremeFieldTests), DisableParallelization = true)]
[Collection(nameof(ExtremeFieldTests))]
public sealed class ExtremeFieldTests
{
    [Fact]
    public async Task Any_number_in_the_header_or_the_map_ends_soon()
    {
        var whole = await VdiBed.CreateAsync(5 * VdiBed.Block);
        await using (var node = await VdiBed.Images.OpenAsync(whole))
            await Disk.WriteAsync(node, 3 * VdiBed.Block, 70_000, 8);
        var fields = new ExtremeFields(VdiBed.Images, whole, bigEndian: false);
        await fields.ExamineAsync(64, 80);
        await fields.ExamineAsync(340, 392);
        await fields.ExamineAsync(512, 532);
    }
}
