// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vmdk.Tests;

/// <summary>
/// Images with damaged headers, descriptions and tables: what QEMU reads of them is what we read, and no damage does more than be
/// refused. BLOCKHOST_MUTANTS is how many of each kind are tried.
/// </summary>
public sealed class MutantTests : IDisposable
{
    private const int Length = 4 << 20;

    private static readonly int Count = SearchSize.Of("BLOCKHOST_MUTANTS", 6);

    private readonly string _folder = Directory.CreateTempSubdirectory("vmdk").FullName;

    [SkippableTheory]
    [InlineData("monolithicSparse", 0, 80)]
    [InlineData("monolithicSparse", 512, 900)]
    [InlineData("monolithicSparse", 10752, 16384)]
    [InlineData("streamOptimized", 0, 80)]
    [InlineData("streamOptimized", 10752, 66000)]
    public async Task Damage_is_read_as_qemu_reads_it_or_refused(string subformat, int from, int to)
    {
        Skip.IfNot(VmdkBed.HasQemu, "needs qemu-img");
        Make(subformat);
        var whole = await File.ReadAllBytesAsync(Path.Combine(_folder, "whole.vmdk"));
        for (var seed = 0; seed < Count; seed++)
        {
            var random = new Random(seed);
            var mutant = (byte[])whole.Clone();
            for (var i = random.Next(1, 4); i > 0; i--)
                mutant[random.Next(from, Math.Min(to, mutant.Length))] = (byte)random.Next(256);
            await JudgeAsync(mutant, $"{subformat} {from} seed {seed}");
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Make(string subformat)
    {
        VmdkBed.Run(_folder, "qemu-img", "create", "-q", "-f", "raw", "data.raw", $"{Length}");
        VmdkBed.Run(_folder, "qemu-io", "-f", "raw", "-c", "write -q -P 7 0 200k", "-c", "write -q -P 8 1M 128k", "data.raw");
        VmdkBed.Run(
            _folder, "qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", $"subformat={subformat}", "data.raw", "whole.vmdk");
    }

    private async Task JudgeAsync(byte[] mutant, string name)
    {
        await File.WriteAllBytesAsync(Path.Combine(_folder, "mutant.vmdk"), mutant);
        File.Delete(Path.Combine(_folder, "read.raw"));
        var real = VmdkBed.Run(_folder, "qemu-img", "info", "-f", "vmdk", "mutant.vmdk");
        if (real.ExitCode == 0 && LengthOf(real.Output) is 0 or > 64 << 20)
            return;
        real = VmdkBed.Run(_folder, "qemu-img", "convert", "-f", "vmdk", "-O", "raw", "mutant.vmdk", "read.raw");
        var (ours, refusal) = await ReadAsync(mutant);
        Assert.False(real.ExitCode == 0 && ours is null, $"{name}: QEMU reads it, and we refuse it: {refusal}");
        // QEMU may end by a signal where we read what is there.
        if (real.ExitCode != 0)
            return;
        var expected = await File.ReadAllBytesAsync(Path.Combine(_folder, "read.raw"));
        Assert.True(expected.AsSpan().SequenceEqual(ours), $"{name}: QEMU reads something else");
    }

    private static long LengthOf(string info)
    {
        var text = info[(info.IndexOf('(', StringComparison.Ordinal) + 1)..];
        return long.Parse(text[..text.IndexOf(' ', StringComparison.Ordinal)], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>What is refused is refused by a BlockException and nothing else.</summary>
    private static async Task<(byte[]? Bytes, string? Refusal)> ReadAsync(byte[] mutant)
    {
        try
        {
            await using var node = await VmdkBed.OpenAsync(new MemoryImage(mutant), readOnly: true);
            return (await VmdkBed.ReadAllAsync(node), null);
        }
        catch (BlockException e)
        {
            return (null, e.Message);
        }
    }
}
