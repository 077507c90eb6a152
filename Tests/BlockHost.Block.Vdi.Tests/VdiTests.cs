// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vdi.Tests;

/// <summary>What QEMU cannot do with these images, and what it must be able to read afterwards.</summary>
public sealed class VdiTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vdi").FullName;

    [Fact]
    public async Task A_differencing_image_shows_its_parent_where_it_has_no_block()
    {
        var parent = new MemoryImage(Enumerable.Repeat((byte)9, 2 * VdiBed.Block).ToArray());
        var image = await VdiBed.CreateAsync(3 * VdiBed.Block);
        image.Write(424, new byte[] { 1 });

        await using (var node = await VdiBed.Images.OpenAsync(
            image, backing: new MemoryChild(parent, "backing") { ReadOnly = true }))
        {
            await Disk.WriteAsync(node, 1000, 500, 5);
            await node.WriteZeroesAsync(VdiBed.Block, VdiBed.Block, ZeroFlags.MayUnmap, default);
        }

        await using var again = await VdiBed.Images.OpenAsync(
            image, readOnly: true, backing: new MemoryChild(parent, "backing") { ReadOnly = true });
        var expected = new byte[3 * VdiBed.Block];
        expected.AsSpan(0, VdiBed.Block).Fill(9);
        expected.AsSpan(1000, 500).Fill(5);
        Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(again)));
        Assert.Equal(
            BlockStatusFlags.None, (await again.GetStatusAsync(2 * VdiBed.Block, 512, StatusPrecision.WantZero, default)).Flags);
        // The zeroed block takes no room in the file.
        Assert.Equal(1024 + VdiBed.Block, image.Length);
    }

    [Fact]
    public async Task A_differencing_image_is_refused_over_another_parent()
    {
        var image = await VdiBed.CreateAsync(VdiBed.Block);
        image.Write(424, new byte[] { 1 });
        var e = await Assert.ThrowsAsync<BlockException>(() => VdiBed.Images.OpenAsync(image));
        Assert.Equal("unsupported VDI image (non-NULL link UUID)", e.Message);
    }

    [Fact]
    public async Task A_plain_image_takes_no_backing_file()
    {
        var image = await VdiBed.CreateAsync(VdiBed.Block);
        var e = await Assert.ThrowsAsync<BlockException>(
            () => VdiBed.Images.OpenAsync(image, backing: new MemoryChild(new MemoryImage(512), "backing")));
        Assert.Equal("The VDI image is no differencing image: it has no backing file", e.Message);
    }

    [Fact]
    public async Task An_image_whose_map_lies_over_its_header_can_only_be_read()
    {
        var image = await VdiBed.CreateAsync(VdiBed.Block);
        image.Write(340, new byte[] { 0, 0, 0, 0 });
        await Assert.ThrowsAsync<BlockException>(() => VdiBed.Images.OpenAsync(image));
        await using var node = await VdiBed.Images.OpenAsync(image, readOnly: true);
        Assert.Equal(VdiBed.Block, node.Profile.Length);
    }

    [Fact]
    public async Task What_a_power_cut_left_in_a_place_does_not_show_in_the_block_that_gets_it()
    {
        var image = await VdiBed.CreateAsync(2 * VdiBed.Block);
        var garbage = new byte[VdiBed.Block];
        garbage.AsSpan().Fill(0xee);
        image.Write(1024, garbage);
        await using var node = await VdiBed.Images.OpenAsync(image);
        await Disk.WriteAsync(node, 512, 512, 1);
        Assert.Equal(512, (await Disk.ReadAllAsync(node)).Count(b => b != 0));
    }

    [Fact]
    public async Task A_full_disk_fails_the_write_and_nothing_else()
    {
        var image = await VdiBed.CreateAsync(3 * VdiBed.Block);
        var full = new FailurePlan
        {
            FailWhen = operation => operation.IsWrite && operation.Offset + operation.Bytes > 1024 + VdiBed.Block,
            Kind = BlockErrorKind.NoSpace,
        };
        await using (var node = await VdiBed.Images.OpenAsync(image, wrap: child => new FailingChild(child, full)))
        {
            await Disk.WriteAsync(node, 0, 4096, 1);
            await Assert.ThrowsAsync<BlockException>(async () => await Disk.WriteAsync(node, VdiBed.Block, 4096, 2));
            await Disk.WriteAsync(node, 4096, 4096, 3);
        }

        await using var again = await VdiBed.Images.OpenAsync(image, readOnly: true);
        Assert.Empty((await Disk.CheckAsync(again)).Messages);
        Assert.Equal(8192, (await Disk.ReadAllAsync(again)).Count(b => b != 0));
    }

    [SkippableFact]
    public async Task QEMU_goes_on_with_an_image_that_was_discarded_in_and_resized()
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var image = await VdiBed.CreateAsync(5 * VdiBed.Block);
        await using (var node = await VdiBed.Images.OpenAsync(image))
        {
            for (var block = 4; block >= 0; block--)
                await Disk.WriteAsync(node, block * VdiBed.Block, VdiBed.Block, (byte)(block + 1));
            await node.DiscardAsync(VdiBed.Block, VdiBed.Block, default);
            await Disk.ResizeAsync(node, (2 * VdiBed.Block) + 512);
            await Disk.ResizeAsync(node, 300L * VdiBed.Block);
        }

        await Qemu.SaveAsync(image, Path.Combine(_folder, "a.vdi"));
        string[] commands = [
            "write -P 7 200M 1M", "read -P 1 0 1M", "read -P 0 1M 1M", "read -P 3 2M 512", "read -P 0 2097664 10M",
            "read -P 7 200M 1M"];
        var (exitCode, output) = Qemu.Run(
            _folder, "qemu-io", ["-f", "vdi", .. commands.SelectMany(command => new[] { "-c", command }), "a.vdi"]);
        Assert.True(exitCode == 0 && !output.Contains("failed", StringComparison.Ordinal), output);
        Assert.Equal(0, Qemu.Run(_folder, "qemu-img", "check", "a.vdi").ExitCode);
    }

    [Theory]
    [InlineData("off", 1024 + VdiBed.Block)]
    [InlineData("metadata", 1024 + (10 * VdiBed.Block))]
    public async Task A_new_image_is_measured(string preallocation, long required)
    {
        Assert.True(VdiBed.Images.Driver.TryGetFacet<IImageMeasure>(out var measure));
        var source = new MemoryImage(10 * VdiBed.Block);
        source.Write(VdiBed.Block, new byte[] { 1 });
        var options = System.Text.Json.JsonSerializer.SerializeToElement(new { size = 0, preallocation });
        Assert.Equal(
            new ImageMeasure(required, 1024 + (10 * VdiBed.Block)),
            await measure.MeasureAsync(options, new MemoryChild(source), default));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
