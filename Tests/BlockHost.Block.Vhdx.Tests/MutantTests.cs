// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vhdx.Tests;

/// <summary>
/// Images with damaged structures, whose checksums are right: what QEMU reads of them is what we read, and no damage does more
/// than be refused. BLOCKHOST_MUTANTS is how many of each kind are tried.
/// </summary>
public sealed class MutantTests : IDisposable
{
    private static readonly int Count = SearchSize.Of("BLOCKHOST_MUTANTS", 8);

    /// <summary>
    /// What we refuse and QEMU does not: a block over the headers, and a log that makes the file longer than it says.
    /// </summary>
    private static readonly string[] Stricter =
    [
        "VHDX region 0-1048576 overlaps with region 0-1048576",
        "The VHDX log changes what is beyond the end of the file",
    ];

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
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = await VhdxBed.CreateAsync(5 * VhdxBed.Block);
        await using (var node = await VhdxBed.OpenAsync(whole))
        {
            await Disk.WriteAsync(node, 3 * VhdxBed.Block, 70_000, 8);
            await Disk.WriteAsync(node, 1000, 70_000, 7);
        }

        for (var seed = 0; seed < Count; seed++)
        {
            var random = new Random(seed);
            var mutant = whole.Clone();
            for (var i = random.Next(1, 4); i > 0; i--)
                mutant.Write(random.NextInt64(from, to), AnyByte(random));
            foreach (var header in new[] { VhdxBed.Header1, VhdxBed.Header2 })
                VhdxBed.Seal(mutant, header, 4096);
            VhdxBed.Seal(mutant, VhdxBed.Region1, 65536);
            mutant.Write(VhdxBed.Region2, mutant.Read(VhdxBed.Region1, 65536));
            await JudgeAsync(mutant, $"{what}, seed {seed}");
        }
    }

    /// <summary>
    /// Where both of us open the image, we read the same of it. QEMU refuses more: an entry with a wrong descriptor, which for us
    /// is not whole; and it makes the file longer where the log changes what is behind its end. It does not look where the tail
    /// is, so that is left alone.
    /// </summary>
    [SkippableTheory]
    [InlineData(16, 32)]
    [InlineData(8, 12)]
    [InlineData(48, 64)]
    [InlineData(64, 160)]
    public async Task Damage_in_a_log_is_replayed_as_qemu_does_it_or_refused(int from, int to)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = await VhdxBed.CreateAsync(2 * VhdxBed.Block);
        whole.Write(8 << 20, Enumerable.Repeat((byte)7, VhdxBed.Block).ToArray());
        var log = new LogCraft(whole);
        log.MarkDirty();
        log.Write(0, 0, 1, (VhdxBed.Table, (8 << 20) | 6), (VhdxBed.Table + 4096, null), (VhdxBed.Table + 8192, 2));
        for (var seed = 0; seed < Count; seed++)
        {
            var random = new Random(seed);
            var mutant = whole.Clone();
            for (var i = random.Next(1, 4); i > 0; i--)
                mutant.Write(VhdxBed.Log + random.Next(from, to), AnyByte(random));
            VhdxBed.Seal(mutant, VhdxBed.Log, 3 * LogCraft.Sector);
            await JudgeReplayAsync(mutant, $"{from}, seed {seed}");
        }
    }

    [Theory]
    [InlineData(72, 0x7ffffffffff00000)]
    [InlineData(68, uint.MaxValue - 0xfffff)]
    public async Task A_log_that_claims_to_be_huge_takes_no_time(int at, long value)
    {
        var image = await VhdxBed.CreateAsync(VhdxBed.Block);
        foreach (var header in new[] { VhdxBed.Header1, VhdxBed.Header2 })
            VhdxBed.Seal(
                image,
                header,
                4096,
                (48, Guid.NewGuid().ToByteArray()),
                (at, BitConverter.GetBytes(value)[..(at == 68 ? 4 : 8)]));
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

    private static byte[] AnyByte(Random random) => [(byte)(random.Next(3) == 0 ? random.Next(256) : random.Next(8))];

    private async Task JudgeReplayAsync(MemoryImage mutant, string name)
    {
        await Qemu.SaveAsync(mutant, Path.Combine(_folder, "mutant.vhdx"));
        var real = Qemu.Run(_folder, "qemu-img", "check", "-r", "all", "-f", "vhdx", "mutant.vhdx");
        try
        {
            await using var node = await VhdxBed.OpenAsync(mutant);
            if (real.ExitCode == 0)
                await CompareAsync(node, name);
        }
        catch (BlockException e)
        {
            Assert.True(
                real.ExitCode != 0 || Stricter.Contains(e.Message), $"{name}: QEMU replays it, and we refuse it: {e.Message}");
        }
    }

    private async Task JudgeAsync(MemoryImage mutant, string name)
    {
        await Qemu.SaveAsync(mutant, Path.Combine(_folder, "mutant.vhdx"));
        var (exitCode, info) = Qemu.Run(_folder, "qemu-img", "info", "-f", "vhdx", "mutant.vhdx");
        try
        {
            await using var node = await VhdxBed.OpenAsync(mutant, readOnly: true);
            Assert.True(exitCode == 0, $"{name}: we open it, and QEMU does not: {info}");
            if (node.Profile.Length is > 0 and <= 64 << 20)
                await CompareAsync(node, name);
        }
        catch (BlockException e)
        {
            Assert.True(exitCode != 0 || Stricter.Contains(e.Message), $"{name}: QEMU opens it, and we refuse it: {e.Message}");
        }
    }

    private async Task CompareAsync(BlockNode node, string name)
    {
        var ours = await TryReadAllAsync(node);
        var real = Qemu.Run(_folder, "qemu-img", "convert", "-f", "vhdx", "-O", "raw", "mutant.vhdx", "read.raw");
        Assert.True((real.ExitCode == 0) == (ours is not null), $"{name}: {real.Output}");
        if (ours is null)
            return;
        var theirs = await File.ReadAllBytesAsync(Path.Combine(_folder, "read.raw"));
        Assert.True(Disk.Same(theirs, ours), $"{name}: QEMU reads something else");
    }

    private static async Task<byte[]?> TryReadAllAsync(BlockNode node)
    {
        try
        {
            return await Disk.ReadAllAsync(node);
        }
        catch (BlockException)
        {
            return null;
        }
    }
}
