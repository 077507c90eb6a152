// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Formats.Testing;
using BlockHost.Plugins.Block.Vmdk;

namespace BlockHost.Block.Vmdk.Tests;

/// <summary>Any number in any field: see <see cref="ExtremeFields"/>. By itself, as it counts what is allocated.</summary>
[CollectionDefinition(nameof(ExtremeFieldTests), DisableParallelization = true)]
[Collection(nameof(ExtremeFieldTests))]
public sealed class ExtremeFieldTests
{
    [SkippableTheory]
    [InlineData("monolithicSparse")]
    [InlineData("streamOptimized")]
    public async Task Any_number_in_the_header_or_a_table_ends_soon(string subformat)
    {
        var whole = new MemoryImage();
        await Images.CreateAsync(new MemoryChild(whole), ("size", 4 << 20), ("subformat", subformat));
        await using (var node = await Images.OpenAsync(whole))
            await node.WriteAsync(0, new byte[65536], WriteFlags.Compressed, default);
        var directory = 512 * BitConverter.ToInt64(whole.Read(56, 8));
        var table = 512L * BitConverter.ToInt32(whole.Read(directory, 4));
        var fields = new ExtremeFields(Images, whole, bigEndian: false);
        await fields.ExamineAsync(4, 80);
        await fields.ExamineAsync(directory, directory + 8);
        await fields.ExamineAsync(table, table + 8);
    }

    private static FormatBed Images { get; } = new(new VmdkPlugin(), "vmdk");
}
