// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow.Tests;

/// <summary>
/// Images with damaged headers and tables: what QEMU reads of them is what we read, and what it refuses we refuse, but for
/// clusters and tables that would lie over the header or the top table, which we refuse alone. A repair leaves no errors.
/// </summary>
public sealed class MutantTests : IDisposable
{
    private const long LargestRead = 16 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("qcow").FullName;

    [SkippableTheory]
    [InlineData("header", false)]
    [InlineData("top", false)]
    [InlineData("table", false)]
    [InlineData("top", true)]
    [InlineData("table", true)]
    public async Task Damage_is_read_as_qemu_reads_it_or_refused(string what, bool backing)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = await MakeAsync(backing);
        var top = (int)QcowBed.Number(whole, 40);
        var from = what switch { "header" => 4, "top" => top, _ => (int)QcowBed.Number(whole, top) };
        for (var seed = 0; seed < Mutants.Count; seed++)
        {
            var mutant = whole.Clone();
            foreach (var (at, value) in Mutants.Damage(seed, from, from + (what == "top" ? 24 : 44)))
                mutant.Write(at, new[] { value });
            await JudgeAsync(mutant, $"{what} seed {seed}");
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task<MemoryImage> MakeAsync(bool backing)
    {
        var file = new MemoryImage(Enumerable.Repeat((byte)9, 1 << 20).ToArray());
        await Qemu.SaveAsync(file, Path.Combine(_folder, "base"));
        var whole = await QcowBed.CreateAsync(6 << 20, backing ? "base" : null);
        await using var node = await QcowBed.Images.OpenAsync(whole, backing: Base(backing ? 1 << 20 : 0));
        await Disk.WriteAsync(node, 3 << 20, 70_000, 8);
        await Disk.WriteAsync(node, 1000, 10_000, 7);
        await node.WriteAsync(QcowBed.Cluster, new byte[QcowBed.Cluster], WriteFlags.Compressed, default);
        return whole;
    }

    private static MemoryChild Base(int length) =>
        new(new MemoryImage(Enumerable.Repeat((byte)9, length).ToArray()), "backing") { ReadOnly = true };

    private async Task JudgeAsync(MemoryImage mutant, string name)
    {
        await Qemu.SaveAsync(mutant, Path.Combine(_folder, "mutant"));
        var (exitCode, info) = Qemu.Run(_folder, "qemu-img", "info", "-f", "qcow", "mutant");
        var hasBacking = info.Contains("backing file", StringComparison.Ordinal);
        BlockNode node;
        try
        {
            node = await QcowBed.Images.OpenAsync(mutant, readOnly: true, backing: Base(hasBacking ? 1 << 20 : 0));
        }
        catch (BlockException e)
        {
            var isOurs = e.Message.Contains("at no place of a file", StringComparison.Ordinal)
                || e.Message.Contains("encrypt.", StringComparison.Ordinal);
            Assert.True(isOurs || exitCode != 0, $"{name}: QEMU reads it, and we refuse it: {e.Message}");
            if (!isOurs)
                Assert.Contains(e.Message, info, StringComparison.Ordinal);
            return;
        }

        await using (node)
        {
            Assert.True(exitCode == 0, $"{name}: we read it, and QEMU does not: {info}");
            if (node.Profile.Length is > 0 and <= LargestRead)
                await CompareAsync(node, name);
        }

        await RepairAsync(mutant, name);
    }

    private async Task CompareAsync(BlockNode node, string name)
    {
        var real = Qemu.Run(_folder, "qemu-img", "convert", "-f", "qcow", "-O", "raw", "mutant", "read.raw");
        try
        {
            var ours = await Disk.ReadAllAsync(node);
            if (real.ExitCode == 0)
                Assert.True(
                    Disk.Same(await File.ReadAllBytesAsync(Path.Combine(_folder, "read.raw")), ours),
                    $"{name}: QEMU reads something else");
        }
        catch (BlockException e)
        {
            var isOurs = e.Message.Contains("that it can be at", StringComparison.Ordinal);
            Assert.True(isOurs || real.ExitCode != 0, $"{name}: QEMU reads all of it: {e.Message}");
        }
    }

    private static async Task RepairAsync(MemoryImage image, string name)
    {
        await using (var node = await QcowBed.Images.OpenAsync(image, forRepair: true, backing: Base(0)))
        {
            if (node.Profile.Length > LargestRead)
                return;
            await Disk.CheckAsync(node, Facets.CheckRepair.Leaks | Facets.CheckRepair.Errors);
        }

        await using var again = await QcowBed.Images.OpenAsync(image, backing: Base(0));
        Assert.True((await Disk.CheckAsync(again)).Corruptions == 0, $"{name}: a repair leaves it corrupt");
    }
}
