// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vhdx.Tests;

/// <summary>
/// Images with damaged structures, whose checksums are right: what QEMU reads of them is what we read, and no damage does more
/// than be refused. BLOCKHOST_MUTANTS is how many of each kind are tried.
/// </summary>
public sealed class MutantTests : IDisposable
{
    private static readonly int Count = int.TryParse(Environment.GetEnvironmentVariable("BLOCKHOST_MUTANTS"), out var given) ? given : 8;

    private readonly string _folder = Directory.CreateTempSubdirectory("vhdx").FullName;

    [SkippableTheory]
    [InlineData("headers", VhdxBed.Header1 + 8, VhdxBed.Header1 + 80)]
    [InlineData("second header", VhdxBed.Header2 + 8, VhdxBed.Header2 + 80)]
    [InlineData("regions", VhdxBed.Region1 + 8, VhdxBed.Region1 + 80)]
    [InlineData("metadata", VhdxBed.Metadata, VhdxBed.Metadata + 192)]
    [InlineData("items", VhdxBed.Items, VhdxBed.Items + 40)]
    [InlineData("table", VhdxBed.Table, VhdxBed.Table + 48)]
    public async Task Damage_is_read_as_qemu_reads_it_or_refused(string what, long from, long to)
    {
        Skip.IfNot(VhdxBed.HasQemu, "needs qemu-img");
        var whole = await VhdxBed.CreateAsync(5 * VhdxBed.Block);
        await using (var node = await VhdxBed.OpenAsync(whole))
        {
            await VhdxBed.WriteAsync(node, 3 * VhdxBed.Block, 70_000, 8);
            await VhdxBed.WriteAsync(node, 1000, 70_000, 7);
        }

        for (var seed = 0; seed < Count; seed++)
        {
            var random = new Random(seed);
            var mutant = whole.Clone();
            for (var i = random.Next(1, 4); i > 0; i--)
                mutant.Write(random.NextInt64(from, to), new[] { (byte)(random.Next(3) == 0 ? random.Next(256) : random.Next(8)) });
            foreach (var header in new[] { VhdxBed.Header1, VhdxBed.Header2 })
                VhdxBed.Seal(mutant, header, 4096);
            VhdxBed.Seal(mutant, VhdxBed.Region1, 65536);
            mutant.Write(VhdxBed.Region2, mutant.Read(VhdxBed.Region1, 65536));
            await JudgeAsync(mutant, $"{what}, seed {seed}");
        }
    }

    [Theory]
    [InlineData(72, 0x7ffffffffff00000)]
    [InlineData(68, uint.MaxValue - 0xfffff)]
    public async Task A_log_that_claims_to_be_huge_takes_no_time(int at, long value)
    {
        var image = await VhdxBed.CreateAsync(VhdxBed.Block);
        foreach (var header in new[] { VhdxBed.Header1, VhdxBed.Header2 })
            VhdxBed.Seal(image, header, 4096, (48, Guid.NewGuid().ToByteArray()), (at, BitConverter.GetBytes(value)[..(at == 68 ? 4 : 8)]));
        var watch = System.Diagnostics.Stopwatch.StartNew();
        try
        {
            await using var node = await VhdxBed.OpenAsync(image, readOnly: true);
        }
        catch (BlockException)
        {
            // Regions overlap.
        }

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{watch.Elapsed}");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private async Task JudgeAsync(MemoryImage mutant, string name)
    {
        await VhdxBed.SaveAsync(mutant, Path.Combine(_folder, "mutant.vhdx"));
        var (exitCode, info) = VhdxBed.Run(_folder, "qemu-img", "info", "-f", "vhdx", "mutant.vhdx");
        try
        {
            await using var node = await VhdxBed.OpenAsync(mutant, readOnly: true);
            Assert.True(exitCode == 0, $"{name}: we open it, and QEMU does not: {info}");
            if (node.Profile.Length is > 0 and <= 64 << 20)
                await CompareAsync(node, name);
        }
        catch (BlockException e)
        {
            Assert.True(exitCode != 0, $"{name}: QEMU opens it, and we refuse it: {e.Message}");
        }
    }

    private async Task CompareAsync(BlockNode node, string name)
    {
        var ours = await TryReadAllAsync(node);
        var real = VhdxBed.Run(_folder, "qemu-img", "convert", "-f", "vhdx", "-O", "raw", "mutant.vhdx", "read.raw");
        Assert.True((real.ExitCode == 0) == (ours is not null), $"{name}: {real.Output}");
        if (ours is not null)
            Assert.True(VhdxBed.Same(await File.ReadAllBytesAsync(Path.Combine(_folder, "read.raw")), ours), $"{name}: QEMU reads something else");
    }

    private static async Task<byte[]?> TryReadAllAsync(BlockNode node)
    {
        try
        {
            return await VhdxBed.ReadAllAsync(node);
        }
        catch (BlockException)
        {
            return null;
        }
    }
}
