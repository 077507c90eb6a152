// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests.Malformed;

/// <summary>Damaged images are judged as QEMU judges them, line by line and number by number.</summary>
[Trait("speed", "slow")]
public sealed class CheckParityTests
{
    private static readonly Field[] Structure =
    [
        Field.L1Entry, Field.L2Entry, Field.SubclusterBitmap, Field.RefcountTableEntry, Field.Refcount, Field.SnapshotL1Entry,
        Field.BitmapTableEntry,
        Field.SnapshotEntry,
    ];

    [SkippableTheory]
    [InlineData("")]
    [InlineData("cluster_size=4k,refcount_bits=8")]
    [InlineData("extended_l2=on")]
    [InlineData("refcount_bits=1,cluster_size=512")]
    [InlineData("compat=0.10,cluster_size=2k")]
    public async Task The_check_says_what_qemu_says(string options)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var (image, map) = Samples.Make(qemu, options);
        var places = map.Of(Structure).ToList();
        var differences = new StringBuilder();
        var count = Mutants(25);
        for (var seed = 0; seed < count; seed++)
        {
            var (mutant, what) = new Mutator(seed).Mutate(image, map, places);
            File.WriteAllBytes(qemu.Path("m.qcow2"), mutant);
            var (code, output, error) = qemu.Start("qemu-img", ["check", "-f", "qcow2", "--output=json", "m.qcow2"]);
            var ours = await CheckAsync(mutant);
            var theirs = $"{Numbers(output)}\n{error}".Trim();
            if (ours != theirs) differences.AppendLine($"{what} (code {code})\n{Difference(theirs, ours)}");
        }
        Assert.True(differences.Length == 0, differences.ToString());
    }

    /// <summary>The first lines that differ, and one before.</summary>
    private static string Difference(string theirs, string ours)
    {
        var (qemu, mine) = (theirs.Split('\n'), ours.Split('\n'));
        var same = qemu.Zip(mine).TakeWhile(p => p.First == p.Second).Count();
        return string.Join(
            '\n',
            qemu.Skip(same - 1).Take(5).Select(l => $"  qemu: {l}")
                .Concat(mine.Skip(same - 1).Take(5).Select(l => $"  ours: {l}")));
    }

    [SkippableTheory]
    [InlineData("", "all")]
    [InlineData("cluster_size=4k,refcount_bits=8", "all")]
    [InlineData("extended_l2=on", "all")]
    [InlineData("refcount_bits=1,cluster_size=512", "all")]
    [InlineData("compat=0.10,cluster_size=2k", "all")]
    [InlineData("", "leaks")]
    [InlineData("cluster_size=2k", "leaks")]
    public async Task What_is_repaired_is_sound_for_qemu_wherever_qemu_can_repair_it(string options, string repair)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var (image, map) = Samples.Make(qemu, options, withBitmap: false);
        var places = map.Of(Structure).ToList();
        var differences = new StringBuilder();
        var count = Mutants(12);
        for (var seed = 1000; seed < 1000 + count; seed++)
        {
            var (mutant, what) = new Mutator(seed).Mutate(image, map, places);
            File.WriteAllBytes(qemu.Path("theirs.qcow2"), mutant);
            var storage = new MemoryImage(mutant.ToArray());
            var first = qemu.Start("qemu-img", ["check", "-f", "qcow2", "-r", repair, "--output=json", "theirs.qcow2"]);
            string mended;
            try
            {
                await using var disk = await TestDisk.OpenAsync(storage, forRepair: true);
                var result = await disk.CheckAsync(repair == "all" ? CheckRepair.Leaks | CheckRepair.Errors : CheckRepair.Leaks);
                var again = await disk.CheckAsync();
                mended =
                    $"{result.CorruptionsFixed} {result.LeaksFixed} left {again.Corruptions} {again.Leaks}\n{string.Join('\n', result.Messages)}";
            }
            catch (BlockException e)
            {
                mended = $"refused: {e.Message}";
            }
            qemu.Save(storage, "ours.qcow2");
            var theirs = qemu.Start("qemu-img", ["check", "-f", "qcow2", "theirs.qcow2"]);
            var ours = qemu.Start("qemu-img", ["check", "-f", "qcow2", "ours.qcow2"]);

            // QEMU lets the file grow to a block outside of it, however far away; here the structure is made anew.
            // It also puts a new structure where a stray entry refers to.
            var differs = first.Error.Contains("is outside image", StringComparison.Ordinal)
                || first.Error.Contains("exceeding the end", StringComparison.Ordinal);
            var isSame = differs || Lines(mended) == Lines(first.Error);
            if (ours.Code != theirs.Code || !isSame)
            {
                differences.AppendLine($"{what}\nqemu {first.Code} {Head(first.Error)}\n => {theirs.Code} {Head(theirs.Error)}");
                differences.AppendLine($"ours {Head(mended)}\n => {ours.Code} {Head(ours.Error)}");
            }
        }
        Assert.True(differences.Length == 0, differences.ToString());
    }

    /// <summary>What the first pass said; the second one of a repair follows it on QEMU's standard error.</summary>
    private static string Lines(string text) =>
        string.Join('\n', text.Trim().Split('\n').Where(l => l.Contains("Repairing", StringComparison.Ordinal)));

    /// <summary>
    /// Headers and directories included: what QEMU refuses to open, or calls corrupt, is not called sound here.
    /// </summary>
    [SkippableTheory]
    [InlineData("")]
    [InlineData("compat=0.10,cluster_size=2k")]
    [InlineData("extended_l2=on")]
    public async Task The_verdict_is_that_of_qemu(string options)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var (image, map) = Samples.Make(qemu, options);
        var differences = new StringBuilder();
        for (var seed = 5000; seed < 5000 + Mutants(30); seed++)
        {
            var (mutant, what) = new Mutator(seed).Mutate(image, map, map.Places);
            File.WriteAllBytes(qemu.Path("m.qcow2"), mutant);
            var (code, output, error) = qemu.Start("qemu-img", ["check", "-f", "qcow2", "--output=json", "m.qcow2"]);
            var ours = await CheckAsync(mutant);
            var verdict = ours.StartsWith("refused", StringComparison.Ordinal) || ours[0] != '0' ? 1
                : ours.Split(' ')[1] != "0" ? 2
                : ours.Split(' ')[2] != "0" ? 3 : 0;
            if (verdict != code) differences.AppendLine(
                $"{what}\n  qemu {code} {Head(output.Length == 0 ? error : error)}\n  ours {verdict} {Head(ours)}");
        }
        Assert.True(differences.Length == 0, differences.ToString());
    }

    private static int Mutants(int usual) =>
        Environment.GetEnvironmentVariable("BLOCKHOST_MUTANTS") is { } more
            ? int.Parse(more, System.Globalization.CultureInfo.InvariantCulture)
            : usual;

    private static string Head(string text) => string.Join('\n', text.Trim().Split('\n').Take(8));

    private static async Task<string> CheckAsync(byte[] mutant)
    {
        try
        {
            await using var disk = await TestDisk.OpenAsync(new MemoryImage(mutant), readOnly: true, forRepair: true);
            var result = await disk.CheckAsync();
            return $"{result.CheckErrors} {result.Corruptions} {result.Leaks} {result.ImageEndOffset} {result.AllocatedClusters} {result.FragmentedClusters} {result.CompressedClusters}\n{string.Join('\n', result.Messages)}".Trim();
        }
        catch (BlockException e)
        {
            return $"refused: {e.Message}";
        }
    }

    private static string Numbers(string output)
    {
        if (output.Length == 0) return "nothing";
        var check = JsonDocument.Parse(output).RootElement;
        return string.Join(' ', new[] {
            "check-errors", "corruptions", "leaks", "image-end-offset", "allocated-clusters", "fragmented-clusters",
            "compressed-clusters" }
            .Select(n => check.TryGetProperty(n, out var value) ? value.GetInt64() : 0));
    }
}
