// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Zeroes over a part of a cluster whose rest reads as zeroes take no space.</summary>
public sealed class ZeroEdgeTests
{
    private const int Size = 1 << 20;
    private const int BackingSize = 700_416;

    /// <summary>What the base holds, what is written to the image, then the zeroes: offsets and lengths in bytes.</summary>
    [SkippableTheory]
    [InlineData("{}", "", "", "4096 8192")]
    [InlineData("{}", "", "", "0 512|66048 512|200000 512")]
    [InlineData("{}", "", "", "60000 80000")]
    [InlineData("{}", "", "0 4096", "8192 4096")]
    [InlineData("{}", "0 65536", "", "65536 4096|131072 512")]
    [InlineData("{}", "0 4096|131072 512", "", "4096 61440|8192 512|131584 512")]
    [InlineData("{}", "0 4096", "", "0 4096")]
    [InlineData("{}", "0 700416", "", "696320 8192|700416 4096")]
    [InlineData("{}", "655360 45056", "", "655360 45056")]
    [InlineData("{}", "655360 45056", "", "655360 40960")]
    [InlineData("""{"extended-l2": true}""", "0 4096|131072 512", "", "2048 512|4096 61440|8192 512|131584 512")]
    [InlineData("""{"extended-l2": true}""", "", "0 2048|10240 512", "2048 512|4096 6000|10752 512")]
    [InlineData("""{"cluster-size": 4096}""", "0 4096|131072 512", "", "512 512|4096 61440|8704 512|131584 512")]
    [InlineData("""{"version": "v2"}""", "0 4096", "", "4096 8192")]
    public async Task Part_of_a_cluster_becomes_zero_as_with_qemu(string options, string inBase, string written, string zeroed)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "base.qcow2", BackingSize.ToString(CultureInfo.InvariantCulture));
        foreach (var (offset, length) in Ranges(inBase)) qemu.Io("base.qcow2", $"write -P 5 {offset} {length}");
        await using var below = await TestDisk.OpenAsync(qemu.Load("base.qcow2"), readOnly: true);
        var backing = new NodeChild(below.Node, "backing");

        var storage = await TestDisk.CreateAsync(Size, options);
        await using (var disk = await TestDisk.OpenAsync(storage, backing: backing))
        {
            foreach (var (offset, length) in Ranges(written)) await disk.WriteAsync(offset, TestDisk.Filled(length, 9));
        }
        qemu.Save(storage, "theirs.qcow2");
        qemu.Img("rebase", "-u", "-b", "base.qcow2", "-F", "qcow2", "theirs.qcow2");
        foreach (var (offset, length) in Ranges(zeroed)) qemu.Io("theirs.qcow2", $"write -z {offset} {length}");

        await using (var disk = await TestDisk.OpenAsync(storage, backing: backing))
        {
            foreach (var (offset, length) in Ranges(zeroed)) await disk.Node.WriteZeroesAsync(
                offset, length, ZeroFlags.None, default);
            await disk.AssertSoundAsync();
        }
        qemu.Save(storage, "ours.qcow2");
        qemu.Img("rebase", "-u", "-b", "base.qcow2", "-F", "qcow2", "ours.qcow2");
        Assert.Equal(qemu.Content("theirs.qcow2"), qemu.Content("ours.qcow2"));
        Assert.Equal(Map(qemu, "theirs.qcow2"), Map(qemu, "ours.qcow2"));
    }

    /// <summary>A write to the rest of the cluster, just while its neighbour is zeroed, is not lost.</summary>
    [Fact]
    public async Task A_write_beside_the_zeroes_at_the_same_time_stays()
    {
        await using var disk = await TestDisk.NewAsync(Size);
        for (var round = 0; round < 200; round++)
        {
            var at = 65536L * (round % 16);
            var zero = Task.Run(async () => await disk.Node.WriteZeroesAsync(at, 4096, ZeroFlags.None, default));
            var write = Task.Run(async () => await disk.WriteAsync(at + 8192, 4096, (byte)(1 + round)));
            await Task.WhenAll(zero, write);
            Assert.Equal(TestDisk.Filled(4096, (byte)(1 + round)), await disk.ReadAsync(at + 8192, 4096));
            Assert.Equal(TestDisk.Filled(4096, 0), await disk.ReadAsync(at, 4096));
            if (round % 16 == 15) await disk.Node.DiscardAsync(0, Size, default);
        }
        await disk.AssertSoundAsync();
    }

    private static IEnumerable<(long Offset, int Length)> Ranges(string text) =>
        text.Split('|', StringSplitOptions.RemoveEmptyEntries)
            .Select(part => part.Split(' '))
            .Select(
                part => (long.Parse(part[0], CultureInfo.InvariantCulture), int.Parse(part[1], CultureInfo.InvariantCulture)));

    /// <summary>What is data and what is zero, and where; not the host offsets.</summary>
    private static string Map(QemuTools qemu, string file) =>
        string.Join(
            '\n',
            qemu.Img(
                "map",
                "--output=json",
                file).Split('\n').Select(line => System.Text.RegularExpressions.Regex.Replace(line, ", \"offset\": \\d+", "")));
}
