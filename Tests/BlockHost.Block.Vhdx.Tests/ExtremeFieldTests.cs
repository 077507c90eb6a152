// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vhdx.Tests;

/// <summary>Any number in any field: see <see cref="ExtremeFields"/>. By itself, as it counts what is allocated.</summary>
[CollectionDefinition(nameof(ExtremeFieldTests), DisableParallelization = true)]
[Collection(nameof(ExtremeFieldTests))]
public sealed class ExtremeFieldTests
{
    [Fact]
    public async Task Any_number_in_a_structure_or_the_table_ends_soon()
    {
        var whole = await VhdxBed.CreateAsync(5 * VhdxBed.Block);
        await using (var node = await VhdxBed.OpenAsync(whole))
            await Disk.WriteAsync(node, 3 * VhdxBed.Block, 70_000, 8);
        var fields = new ExtremeFields(VhdxBed.Images, whole, bigEndian: false, Seal);
        await fields.ExamineAsync(VhdxBed.Header1 + 8, VhdxBed.Header1 + 16);
        await fields.ExamineAsync(VhdxBed.Header1 + 64, VhdxBed.Header1 + 80);
        await fields.ExamineAsync(VhdxBed.Region1 + 8, VhdxBed.Region1 + 80);
        await fields.ExamineAsync(VhdxBed.Metadata + 8, VhdxBed.Metadata + 16);
        await fields.ExamineAsync(VhdxBed.Metadata + 48, VhdxBed.Metadata + 64);
        await fields.ExamineAsync(VhdxBed.Items, VhdxBed.Items + 40);
        await fields.ExamineAsync(VhdxBed.Table, VhdxBed.Table + 32);
    }

    private static void Seal(MemoryImage image)
    {
        image.Write(VhdxBed.Header2, image.Read(VhdxBed.Header1, 4096));
        VhdxBed.Seal(image, VhdxBed.Header1, 4096);
        VhdxBed.Seal(image, VhdxBed.Header2, 4096);
        VhdxBed.Seal(image, VhdxBed.Region1, 65536);
        image.Write(VhdxBed.Region2, image.Read(VhdxBed.Region1, 65536));
    }
}
