// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Parallels.Tests;

/// <summary>
/// Images with damaged headers and tables: what QEMU reads of them is what we read, what its check finds ours finds, and a repair
/// leaves an image that both call sound.
/// </summary>
public sealed class MutantTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("parallels").FullName;

    [SkippableTheory]
    [InlineData(false, 16, 56)]
    [InlineData(true, 16, 56)]
    [InlineData(false, 64, 104)]
    [InlineData(true, 64, 104)]
    public async Task Damage_is_read_as_qemu_reads_it_or_refused(bool isOld, int from, int to)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = await ParallelsBed.CreateAsync(10);
        await using (var node = await ParallelsBed.Images.OpenAsync(whole))
        {
            await Disk.WriteAsync(node, 3 * ParallelsBed.Cluster, 70_000, 8);
            await Disk.WriteAsync(node, 1000, 100_000, 7);
        }

        if (isOld)
            ParallelsBed.MakeOld(whole);
        for (var seed = 0; seed < Mutants.Count; seed++)
        {
            var mutant = whole.Clone();
            foreach (var (at, value) in Mutants.Damage(seed, from, to))
                mutant.Write(at, new[] { value });
            await JudgeAsync(mutant, $"{from} seed {seed}");
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task JudgeAsync(MemoryImage mutant, string name)
    {
        await Qemu.SaveAsync(mutant, Path.Combine(_folder, "mutant"));
        // Its own overflow of a length is no answer.
        var (exitCode, info) = Qemu.Run(_folder, "qemu-img", "info", "-f", "parallels", "mutant");
        BlockNode node;
        try
        {
            node = await ParallelsBed.Images.OpenAsync(mutant, readOnly: true);
        }
        catch (BlockException e)
        {
            Assert.True(exitCode != 0, $"{name}: QEMU reads it, and we refuse it: {e.Message}");
            return;
        }

        await using (node)
        {
            Assert.True(exitCode == 0, $"{name}: we read it, and QEMU does not: {info}");
            if (node.Profile.Length is > 0 and <= 64 << 20)
                await CompareAsync(node, name);
        }

        await RepairAsync(mutant, name);
    }

    private async Task CompareAsync(BlockNode node, string name)
    {
        var real = Qemu.Run(_folder, "qemu-img", "convert", "-f", "parallels", "-O", "raw", "mutant", "read.raw");
        Assert.True(real.ExitCode == 0, $"{name}: {real.Output}");
        Assert.True(
            Disk.Same(await File.ReadAllBytesAsync(Path.Combine(_folder, "read.raw")), await Disk.ReadAllAsync(node)),
            $"{name}: QEMU reads something else");
        var check = Qemu.Run(_folder, "qemu-img", "check", "-f", "parallels", "mutant");
        var ours = await Disk.CheckAsync(node);
        // It does not see clusters in one place or in the header, nor one that begins where the file ends.
        foreach (var line in check.Output.Split('\n').Where(line => line.StartsWith("ERROR", StringComparison.Ordinal)))
            Assert.Contains(line, ours.Messages);
    }

    private static async Task RepairAsync(MemoryImage image, string name)
    {
        byte[] before;
        await using (var node = await ParallelsBed.Images.OpenAsync(image, forRepair: true))
        {
            if (node.Profile.Length > 64 << 20)
                return;
            before = await Disk.ReadAllAsync(node);
            await Disk.CheckAsync(node, CheckRepair.Leaks | CheckRepair.Errors);
        }

        await using var again = await ParallelsBed.Images.OpenAsync(image);
        var left = await Disk.CheckAsync(again);
        Assert.True(left.Messages.Count == 0, $"{name}: after a repair: {string.Join('\n', left.Messages)}");
        Assert.True(Disk.Same(before, await Disk.ReadAllAsync(again)), $"{name}: a repair changes what is read");
    }
}
