// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qed.Tests;

/// <summary>
/// Images with damaged headers and tables: what QEMU reads of them is what we read, what it refuses we refuse, and its check and
/// ours find as many errors and leaks. A repair leaves none of the errors.
/// </summary>
public sealed class MutantTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("qed").FullName;

    [SkippableTheory]
    [InlineData(4, 64)]
    [InlineData(4096, 4120)]
    [InlineData(0, 40)]
    public async Task Damage_is_read_as_qemu_reads_it_or_refused(int from, int to)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = await QedBed.CreateAsync(10 << 20);
        await using (var node = await QedBed.Images.OpenAsync(whole))
        {
            await Disk.WriteAsync(node, 3 << 20, 70_000, 8);
            await Disk.WriteAsync(node, 1000, 10_000, 7);
        }

        var table = from == 0 ? (int)QedBed.FirstTable(whole) : 0;
        for (var seed = 0; seed < Mutants.Count; seed++)
        {
            var mutant = whole.Clone();
            foreach (var (at, value) in Mutants.Damage(seed, table + from, table + to))
                mutant.Write(at, new[] { value });
            await JudgeAsync(mutant, $"{from} seed {seed}");
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task JudgeAsync(MemoryImage mutant, string name)
    {
        await Qemu.SaveAsync(mutant, Path.Combine(_folder, "mutant"));
        var (exitCode, info) = Qemu.Run(_folder, "qemu-img", "info", "-f", "qed", "mutant");
        BlockNode node;
        try
        {
            node = await QedBed.Images.OpenAsync(mutant, readOnly: true, backing: new MemoryChild(new MemoryImage(0), "backing"));
        }
        catch (BlockException e)
        {
            Assert.True(exitCode != 0, $"{name}: QEMU reads it, and we refuse it: {e.Message}");
            Assert.Contains(e.Message, info, StringComparison.Ordinal);
            return;
        }

        await using (node)
        {
            // Tables of one cluster are ours alone, by a slip of QEMU's.
            Assert.True(exitCode == 0 || mutant.Read(8, 4) is [1, 0, 0, 0], $"{name}: we read it, and QEMU does not: {info}");
            if (exitCode == 0 && node.Profile.Length is > 0 and <= 64 << 20)
                await CompareAsync(node, name);
        }

        await RepairAsync(mutant, name);
    }

    private async Task CompareAsync(BlockNode node, string name)
    {
        var real = Qemu.Run(_folder, "qemu-img", "convert", "-f", "qed", "-O", "raw", "mutant", "read.raw");
        byte[]? ours = null;
        try
        {
            ours = await Disk.ReadAllAsync(node);
        }
        catch (BlockException e)
        {
            Assert.True(real.ExitCode != 0, $"{name}: QEMU reads all of it: {e.Message}");
        }

        if (real.ExitCode == 0)
            Assert.True(
                Disk.Same(await File.ReadAllBytesAsync(Path.Combine(_folder, "read.raw")), ours!),
                $"{name}: QEMU reads something else");
        var check = Qemu.Run(_folder, "qemu-img", "check", "-f", "qed", "mutant");
        var found = await Disk.CheckAsync(node);
        Assert.True(
            Says(check.Output, "errors were found", found.Corruptions),
            $"{name}: {found.Corruptions} errors, and {check.Output}");
        Assert.True(Says(check.Output, "leaked clusters", found.Leaks), $"{name}: {found.Leaks} leaks, and {check.Output}");
    }

    private static bool Says(string output, string what, long count) =>
        output.Split('\n').Where(
            line =>
                line.Contains(what, StringComparison.Ordinal) && char.IsAsciiDigit(line[0])).All(line =>
                    line.StartsWith($"{count} ", StringComparison.Ordinal))
        && (count == 0 || output.Contains($"{count} {what}", StringComparison.Ordinal));

    private static async Task RepairAsync(MemoryImage image, string name)
    {
        await using (var node = await QedBed.Images.OpenAsync(
            image, forRepair: true, backing: new MemoryChild(new MemoryImage(0), "backing")))
        {
            if (node.Profile.Length > 64 << 20)
                return;
            await Disk.CheckAsync(node, CheckRepair.Leaks | CheckRepair.Errors);
        }

        await using var again = await QedBed.Images.OpenAsync(image, backing: new MemoryChild(new MemoryImage(0), "backing"));
        Assert.True((await Disk.CheckAsync(again)).Corruptions == 0, $"{name}: a repair leaves it corrupt");
        await Disk.ReadAllAsync(again);
    }
}
