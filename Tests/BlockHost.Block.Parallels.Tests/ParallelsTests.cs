// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Parallels.Tests;

/// <summary>What QEMU cannot do with these images, and what it must be able to read afterwards.</summary>
public sealed class ParallelsTests : IDisposable
{
    private const int Cluster = ParallelsBed.Cluster;

    private readonly string _folder = Directory.CreateTempSubdirectory("parallels").FullName;

    [Fact]
    public async Task An_image_is_marked_while_its_table_changes_and_cut_when_it_is_closed()
    {
        var image = await ParallelsBed.CreateAsync(3);
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
        {
            Assert.False(ParallelsBed.IsMarkedOpen(image));
            await Disk.WriteAsync(node, Cluster, 512, 1);
            Assert.True(ParallelsBed.IsMarkedOpen(image));
            Assert.True(image.Length > 100 << 20, "the file grows by more than it needs");
        }

        Assert.False(ParallelsBed.IsMarkedOpen(image));
        Assert.Equal(2 * Cluster, image.Length);
    }

    [Fact]
    public async Task An_image_that_was_not_closed_can_be_read_and_repaired_only()
    {
        var image = await ParallelsBed.CreateAsync(3);
        image.Write(44, "Ynot"u8.ToArray());
        var e = await Assert.ThrowsAsync<BlockException>(() => ParallelsBed.Images.OpenAsync(image));
        Assert.Equal("parallels: Image was not closed correctly; cannot be opened read/write", e.Message);
        await using (var node = await ParallelsBed.Images.OpenAsync(image, readOnly: true))
            Assert.Equal(["ERROR image was not closed correctly"], (await Disk.CheckAsync(node)).Messages);

        await using (var node = await ParallelsBed.Images.OpenAsync(image, forRepair: true))
            Assert.Equal(1, (await Disk.CheckAsync(node, CheckRepair.Leaks)).Corruptions);
        Assert.True(ParallelsBed.IsMarkedOpen(image), "leaks are all that was to be mended");

        await using (var node = await ParallelsBed.Images.OpenAsync(image, forRepair: true))
            Assert.Equal(1, (await Disk.CheckAsync(node, CheckRepair.Errors)).CorruptionsFixed);
        await using var sound = await ParallelsBed.Images.OpenAsync(image);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Clusters_in_one_place_get_one_each(bool isOld)
    {
        var image = await ParallelsBed.CreateAsync(6);
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
            await Disk.WriteAsync(node, 0, 2 * Cluster, 7);
        ParallelsBed.SetEntry(image, 3, 2);
        ParallelsBed.SetEntry(image, 4, 99);
        if (isOld)
            ParallelsBed.MakeOld(image);
        byte[] before;
        await using (var node = await ParallelsBed.Images.OpenAsync(image, forRepair: true))
        {
            before = await Disk.ReadAllAsync(node);
            Assert.Equal(
                ["ERROR duplicate offset in BAT entry 3", "ERROR cluster 4 is outside image"],
                (await Disk.CheckAsync(node)).Messages);
            Assert.Equal(2, (await Disk.CheckAsync(node, CheckRepair.Errors | CheckRepair.Leaks)).CorruptionsFixed);
        }

        await using var again = await ParallelsBed.Images.OpenAsync(image);
        Assert.Empty((await Disk.CheckAsync(again)).Messages);
        Assert.True(Disk.Same(before, await Disk.ReadAllAsync(again)));
        await Disk.WriteAsync(again, 3 * Cluster, 512, 9);
        Assert.Equal(2 * Cluster, (await Disk.ReadAllAsync(again)).Count(b => b == 7) - Cluster + 512);
    }

    [Fact]
    public async Task A_backing_file_shows_where_the_image_has_holes()
    {
        var image = await ParallelsBed.CreateAsync(3);
        var backing = new MemoryImage(Enumerable.Repeat((byte)9, 2 * Cluster).ToArray());
        await using var node = await ParallelsBed.Images.OpenAsync(
            image, backing: new MemoryChild(backing, "backing") { ReadOnly = true });
        await Disk.WriteAsync(node, 1000, 500, 5);
        var expected = new byte[3 * Cluster];
        expected.AsSpan(0, 2 * Cluster).Fill(9);
        expected.AsSpan(1000, 500).Fill(5);
        Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(node)));
        Assert.Equal(BlockStatusFlags.None, (await node.GetStatusAsync(Cluster, 512, StatusPrecision.WantZero, default)).Flags);
    }

    [Fact]
    public async Task A_disk_longer_than_its_table_ends_in_a_hole_that_stays_one()
    {
        var image = await ParallelsBed.CreateAsync(4);
        image.Write(32, new byte[] { 2, 0, 0, 0 });
        await using var node = await ParallelsBed.Images.OpenAsync(image);
        Assert.True(Disk.Same(new byte[4 * Cluster], await Disk.ReadAllAsync(node)));
        await Disk.WriteAsync(node, Cluster, 512, 1);
        var e = await Assert.ThrowsAsync<BlockException>(async () => await Disk.WriteAsync(node, 2 * Cluster, 512, 1));
        Assert.Equal(Errno.EINVAL, e.Errno);
    }

    [Theory]
    [InlineData(1, 0x20385fae252cb34aUL, "Flags for extension feature are unsupported")]
    [InlineData(0, 5UL, "Unknown feature: 0x5")]
    public async Task What_an_extension_says_that_is_unknown_is_refused(long flags, ulong feature, string text)
    {
        var image = await ParallelsBed.CreateAsync(3);
        ParallelsBed.AddBitmap(image, flags, feature);
        var e = await Assert.ThrowsAsync<BlockException>(() => ParallelsBed.Images.OpenAsync(image, readOnly: true));
        Assert.Equal(text, e.Message);
        // A feature that is necessary keeps writers out.
        if (flags == 1)
            await Assert.ThrowsAsync<BlockException>(() => ParallelsBed.Images.OpenAsync(image));
        else
            await (await ParallelsBed.Images.OpenAsync(image)).DisposeAsync();
    }

    [Fact]
    public async Task A_full_disk_fails_the_write_and_nothing_else()
    {
        var image = await ParallelsBed.CreateAsync(3);
        var full = new FailurePlan
        {
            FailWhen = operation => operation.IsWrite && operation.Offset + operation.Bytes > 2 * Cluster,
            Kind = BlockErrorKind.NoSpace,
        };
        await using (var node = await ParallelsBed.Images.OpenAsync(image, wrap: child => new FailingChild(child, full)))
        {
            await Disk.WriteAsync(node, 0, 4096, 1);
            await Assert.ThrowsAsync<BlockException>(async () => await Disk.WriteAsync(node, Cluster, 4096, 2));
            await Disk.WriteAsync(node, 4096, 4096, 3);
        }

        await using var again = await ParallelsBed.Images.OpenAsync(image);
        Assert.Empty((await Disk.CheckAsync(again)).Messages);
        Assert.Equal(8192, (await Disk.ReadAllAsync(again)).Count(b => b != 0));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task QEMU_goes_on_with_an_image_that_was_discarded_in_and_resized(bool isOld)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var image = await ParallelsBed.CreateAsync(5);
        if (isOld)
            ParallelsBed.MakeOld(image);
        await using (var node = await ParallelsBed.Images.OpenAsync(image))
        {
            for (var block = 4; block >= 0; block--)
                await Disk.WriteAsync(node, block * Cluster, Cluster, (byte)(block + 1));
            await node.DiscardAsync(Cluster, Cluster, default);
            await Disk.ResizeAsync(node, (2 * Cluster) + 512);
            await Disk.ResizeAsync(node, 300L * Cluster);
        }

        await Qemu.SaveAsync(image, Path.Combine(_folder, "a"));
        string[] commands = [
            "write -P 7 12M 1M", "read -P 1 0 64k", "read -P 0 64k 64k", "read -P 3 128k 512", "read -P 0 131584 10M",
            "read -P 7 12M 1M"];
        var (exitCode, output) = Qemu.Run(
            _folder, "qemu-io", ["-f", "parallels", .. commands.SelectMany(command => new[] { "-c", command }), "a"]);
        Assert.True(exitCode == 0 && !output.Contains("failed", StringComparison.Ordinal), output);
        Assert.Equal(0, Qemu.Run(_folder, "qemu-img", "check", "a").ExitCode);
    }

    [Fact]
    public async Task A_table_without_room_keeps_the_image_at_its_length()
    {
        var image = await ParallelsBed.CreateAsync(3);
        await using var node = await ParallelsBed.Images.OpenAsync(image);
        await Disk.WriteAsync(node, 0, 512, 1);
        await Assert.ThrowsAsync<BlockException>(() => Disk.ResizeAsync(node, 20_000L * Cluster));
        Assert.Equal(3 * Cluster, node.Profile.Length);
        await Disk.ResizeAsync(node, 16_368L * Cluster);
        Assert.Equal(16_368L * Cluster, node.Profile.Length);
    }

    [Fact]
    public async Task A_new_image_is_measured()
    {
        Assert.True(ParallelsBed.Images.Driver.TryGetFacet<IImageMeasure>(out var measure));
        var source = new MemoryImage(10 << 20);
        source.Write(1 << 20, new byte[] { 1 });
        var options = System.Text.Json.JsonSerializer.SerializeToElement(new { size = 0 });
        Assert.Equal(new ImageMeasure(2 << 20, 11 << 20), await measure.MeasureAsync(options, new MemoryChild(source), default));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
