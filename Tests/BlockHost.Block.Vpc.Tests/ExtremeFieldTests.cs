// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vpc.Tests;

/// <summary>Any number in any field: see <see cref="ExtremeFields"/>. By itself, as it counts what is allocated.</summary>
[CollectionDefinition(nameof(ExtremeFieldTests), DisableParallelization = true)]
[Collection(nameof(ExtremeFieldTests))]
public sealed class ExtremeFieldTests
{
    [Fact]
    public async Task Any_number_in_a_structure_or_the_table_ends_soon()
    {
        var whole = await VpcBed.CreateAsync(8 * VpcBed.Block);
        await using (var node = await VpcBed.Images.OpenAsync(whole))
            await Disk.WriteAsync(node, 3 * VpcBed.Block, 70_000, 8);
        var fields = new ExtremeFields(VpcBed.Images, whole, bigEndian: true, Seal);
        await fields.ExamineAsync(8, 64);
        await fields.ExamineAsync(512 + 8, 512 + 40);
        await fields.ExamineAsync(1536, 1536 + 32);
    }

    [Fact]
    public async Task Any_number_in_the_footer_of_a_fixed_disk_ends_soon()
    {
        var whole = await VpcBed.CreateAsync(1 << 20, "fixed");
        var fields = new ExtremeFields(
            VpcBed.Images, whole, bigEndian: true, image => VpcBed.Set(image, image.Length - 512, 512, 64));
        await fields.ExamineAsync((1 << 20) + 8, (1 << 20) + 64);
    }

    private static void Seal(MemoryImage image)
    {
        VpcBed.Set(image, 0, 512, 64);
        VpcBed.Set(image, 512, 1024, 36);
        image.Write(image.Length - 512, image.Read(0, 512));
    }
}
