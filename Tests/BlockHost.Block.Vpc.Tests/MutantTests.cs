// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vpc.Tests;

/// <summary>
/// Images with damaged headers and tables, whose checksums are right: what QEMU reads of them is what we read, and no damage does
/// more than be refused.
/// </summary>
public sealed class MutantTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vpc").FullName;

    [SkippableTheory]
    [InlineData(8, 60)]
    [InlineData(512, 556)]
    [InlineData(1536, 1556)]
    public async Task Damage_is_read_as_qemu_reads_it_or_refused(int from, int to)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = await VpcBed.CreateAsync(5 * VpcBed.Block);
        await using (var node = await VpcBed.Images.OpenAsync(whole))
        {
            await Disk.WriteAsync(node, 3 * VpcBed.Block, 70_000, 8);
            await Disk.WriteAsync(node, 1000, 70_000, 7);
        }

        for (var seed = 0; seed < Mutants.Count; seed++)
        {
            var mutant = whole.Clone();
            foreach (var (at, value) in Mutants.Damage(seed, from, to))
                mutant.Write(at, new[] { value });
            VpcBed.Set(mutant, 0, 512, 64);
            VpcBed.Set(mutant, 512, 1024, 36);
            await JudgeAsync(mutant, $"{from} seed {seed}");
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task JudgeAsync(MemoryImage mutant, string name)
    {
        await Qemu.SaveAsync(mutant, Path.Combine(_folder, "mutant.vpc"));
        var (exitCode, info) = Qemu.Run(_folder, "qemu-img", "info", "-f", "vpc", "mutant.vpc");
        try
        {
            await using var node = await VpcBed.Images.OpenAsync(mutant, readOnly: true);
            Assert.True(exitCode == 0, $"{name}: we read it, and QEMU does not: {info}");
            if (node.Profile.Length is > 0 and <= 64 << 20)
                await CompareAsync(node, name);
        }
        catch (BlockException e)
        {
            Assert.True(exitCode != 0, $"{name}: QEMU reads it, and we refuse it: {e.Message}");
        }
    }

    private async Task CompareAsync(BlockNode node, string name)
    {
        var real = Qemu.Run(_folder, "qemu-img", "convert", "-f", "vpc", "-O", "raw", "mutant.vpc", "read.raw");
        Assert.True(real.ExitCode == 0, $"{name}: {real.Output}");
        var expected = await File.ReadAllBytesAsync(Path.Combine(_folder, "read.raw"));
        Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(node)), $"{name}: QEMU reads something else");
    }
}
