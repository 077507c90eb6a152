// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vdi.Tests;

/// <summary>
/// Images with damaged headers and maps: what QEMU reads of them is what we read, what its check finds ours finds, and a repair
/// leaves an image that both call sound.
/// </summary>
public sealed class MutantTests : IDisposable
{
    private const int Length = 4 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("vdi").FullName;

    [SkippableTheory]
    [InlineData("static=off", 64, 400)]
    [InlineData("static=off", 340, 392)]
    [InlineData("static=off", 512, 528)]
    [InlineData("static=on", 512, 528)]
    public async Task Damage_is_read_as_qemu_reads_it_or_refused(string options, int from, int to)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        Qemu.Run(_folder, "qemu-img", "create", "-q", "-f", "vdi", "-o", options, "whole.vdi", $"{Length}");
        Qemu.Run(_folder, "qemu-io", "-c", "write -q -P 8 3M 128k", "-c", "write -q -P 7 0 200k", "whole.vdi");
        var whole = await File.ReadAllBytesAsync(Path.Combine(_folder, "whole.vdi"));
        for (var seed = 0; seed < Mutants.Count; seed++)
        {
            var mutant = (byte[])whole.Clone();
            foreach (var (at, value) in Mutants.Damage(seed, from, to))
                mutant[at] = value;
            await JudgeAsync(mutant, $"{options} {from} seed {seed}");
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task JudgeAsync(byte[] mutant, string name)
    {
        await File.WriteAllBytesAsync(Path.Combine(_folder, "mutant.vdi"), mutant);
        var (infoCode, info) = Qemu.Run(_folder, "qemu-img", "info", "-f", "vdi", "mutant.vdi");
        var image = new MemoryImage(mutant);
        BlockNode node;
        try
        {
            node = await VdiBed.Images.OpenAsync(image, readOnly: true);
        }
        catch (BlockException e)
        {
            // We refuse one thing that QEMU does not look at.
            Assert.True(
                infoCode != 0 || e.Message.Contains("block extra", StringComparison.Ordinal),
                $"{name}: QEMU reads it, and we refuse it: {e.Message}");
            if (infoCode != 0)
                Assert.Contains(e.Message, info, StringComparison.Ordinal);
            return;
        }

        await using (node)
        {
            // Other block sizes and images that need a parent are ours alone.
            if (infoCode != 0)
                Assert.Contains("block size", info, StringComparison.Ordinal);
            else if (node.Profile.Length is > 0 and <= 64 << 20)
                await CompareAsync(node, name);
        }

        await RepairAsync(image, name);
    }

    private async Task CompareAsync(BlockNode node, string name)
    {
        var real = Qemu.Run(_folder, "qemu-img", "convert", "-f", "vdi", "-O", "raw", "mutant.vdi", "read.raw");
        if (real.ExitCode == 0)
            Assert.True(
                Disk.Same(await File.ReadAllBytesAsync(Path.Combine(_folder, "read.raw")), await Disk.ReadAllAsync(node)),
                $"{name}: QEMU reads something else");
        var check = Qemu.Run(_folder, "qemu-img", "check", "-f", "vdi", "mutant.vdi");
        var ours = await Disk.CheckAsync(node);
        Assert.True(
            check.ExitCode == (ours.Corruptions > 0 ? 2 : 0),
            $"{name}: {check.Output}, and ours: {string.Join('\n', ours.Messages)}");
        Assert.All(ours.Messages, message => Assert.Contains(message, check.Output, StringComparison.Ordinal));
    }

    private static async Task RepairAsync(MemoryImage image, string name)
    {
        BlockNode node;
        try
        {
            node = await VdiBed.Images.OpenAsync(image);
        }
        catch (BlockException)
        {
            return;
        }

        await using (node)
        {
            if (node.Profile.Length > 64 << 20)
                return;
            var before = await Disk.ReadAllAsync(node);
            await Disk.CheckAsync(node, Facets.CheckRepair.Leaks | Facets.CheckRepair.Errors);
            Assert.True((await Disk.CheckAsync(node)).Corruptions == 0, $"{name}: a repair leaves it corrupt");
            Assert.True(Disk.Same(before, await Disk.ReadAllAsync(node)), $"{name}: a repair changes what is read");
        }
    }
}
