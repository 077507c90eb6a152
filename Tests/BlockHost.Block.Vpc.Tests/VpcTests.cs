// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vpc.Tests;

/// <summary>What QEMU cannot do with these images, and what it must be able to read afterwards.</summary>
public sealed class VpcTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vpc").FullName;

    [Fact]
    public async Task A_differencing_image_shows_its_parent_where_it_has_no_sector()
    {
        var parent = new MemoryImage(Enumerable.Repeat((byte)9, VpcBed.Block).ToArray());
        var image = await DifferencingAsync(2 * VpcBed.Block);
        // A block with one sector of its own, the second, as other programs leave it.
        image.Write(2048, new byte[] { 0x40 });
        image.Write(2049, new byte[511]);
        image.Write(2560 + 512, Enumerable.Repeat((byte)5, 512).ToArray());
        image.Write(1536, new byte[] { 0, 0, 0, 4 });
        image.Write(2560 + VpcBed.Block, image.Read(0, 512));

        var expected = new byte[2 * VpcBed.Block];
        expected.AsSpan(0, VpcBed.Block).Fill(9);
        expected.AsSpan(512, 512).Fill(5);
        await using (var node = await VpcBed.Images.OpenAsync(
            image, backing: new MemoryChild(parent, "backing") { ReadOnly = true }))
        {
            Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(node)));
            Assert.Equal(
                new BlockStatus(512, BlockStatusFlags.None),
                await node.GetStatusAsync(0, 4096, StatusPrecision.WantZero, default));
            await Disk.WriteAsync(node, 100_000, 50, 7);
            await Disk.WriteAsync(node, VpcBed.Block + 100, 50, 7);
        }

        expected.AsSpan(100_000, 50).Fill(7);
        expected.AsSpan(VpcBed.Block + 100, 50).Fill(7);
        await using var again = await VpcBed.Images.OpenAsync(
            image, readOnly: true, backing: new MemoryChild(new MemoryImage(VpcBed.Block), "backing") { ReadOnly = true });
        Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(again)), "written blocks are whole, whatever the parent has");
    }

    [Theory]
    [InlineData("", "The VPC image names its parent by no plain path: give it as 'backing'")]
    [InlineData("nbd://host/x", "The VPC image names its parent by no plain path: give it as 'backing'")]
    [InlineData("json:{}", "The VPC image names its parent by no plain path: give it as 'backing'")]
    public async Task A_parent_that_is_no_plain_path_is_not_followed(string name, string text)
    {
        var image = await DifferencingAsync(VpcBed.Block);
        image.Write(512 + 64, Encoding.BigEndianUnicode.GetBytes(name + '\0'));
        var e = await Assert.ThrowsAsync<BlockException>(() => VpcBed.Images.OpenAsync(image));
        Assert.Equal(text, e.Message);
    }

    [Fact]
    public async Task Without_its_parent_an_image_can_be_described()
    {
        var image = await DifferencingAsync(VpcBed.Block);
        var context = new TestNodeContext(new TestPluginHost()) { ReadOnly = true, NoIo = true };
        context.Children["file"] = new MemoryChild(image) { ReadOnly = true };
        var options = System.Text.Json.JsonDocument.Parse("""{"file":"file"}""").RootElement;
        await using var node = await VpcBed.Images.Driver.OpenAsync(context, options, default);
        Assert.Equal(VpcBed.Block, node.Profile.Length);
    }

    [Fact]
    public async Task A_plain_image_takes_no_backing_file()
    {
        var image = await VpcBed.CreateAsync(VpcBed.Block);
        var e = await Assert.ThrowsAsync<BlockException>(
            () => VpcBed.Images.OpenAsync(image, backing: new MemoryChild(new MemoryImage(512), "backing")));
        Assert.Equal("The VPC image is no differencing image: it has no backing file", e.Message);
    }

    [Fact]
    public async Task A_full_disk_fails_the_write_and_nothing_else()
    {
        var image = await VpcBed.CreateAsync(3 * VpcBed.Block);
        var room = image.Length + 512 + VpcBed.Block;
        var full = new FailurePlan
        {
            FailWhen = operation => operation.IsWrite && operation.Offset + operation.Bytes > room,
            Kind = BlockErrorKind.NoSpace,
        };
        await using (var node = await VpcBed.Images.OpenAsync(image, wrap: child => new FailingChild(child, full)))
        {
            await Disk.WriteAsync(node, 0, 4096, 1);
            await Assert.ThrowsAsync<BlockException>(async () => await Disk.WriteAsync(node, VpcBed.Block, 4096, 2));
            await Disk.WriteAsync(node, 4096, 4096, 3);
        }

        await using var again = await VpcBed.Images.OpenAsync(image, readOnly: true);
        Assert.Equal(8192, (await Disk.ReadAllAsync(again)).Count(b => b != 0));
        Assert.Equal("conectix"u8.ToArray(), image.Read(image.Length - 512, 8));
    }

    [SkippableTheory]
    [InlineData("dynamic")]
    [InlineData("fixed")]
    public async Task QEMU_goes_on_with_an_image_that_was_discarded_in_and_resized(string subformat)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var image = await VpcBed.CreateAsync(5 * VpcBed.Block, subformat);
        await using (var node = await VpcBed.Images.OpenAsync(image))
        {
            for (var block = 4; block >= 0; block--)
                await Disk.WriteAsync(node, block * VpcBed.Block, VpcBed.Block, (byte)(block + 1));
            await node.DiscardAsync(VpcBed.Block, VpcBed.Block, default);
            await Disk.ResizeAsync(node, (2 * VpcBed.Block) + 512);
            await Disk.ResizeAsync(node, 10L * VpcBed.Block);
        }

        await Qemu.SaveAsync(image, Path.Combine(_folder, "a.vpc"));
        string[] commands = [
            "write -P 7 18M 1M", "read -P 1 0 2M", "read -P 0 2M 2M", "read -P 3 4M 512", "read -P 0 4194816 10M",
            "read -P 7 18M 1M"];
        var (exitCode, output) = Qemu.Run(
            _folder, "qemu-io", ["-f", "vpc", .. commands.SelectMany(command => new[] { "-c", command }), "a.vpc"]);
        Assert.True(exitCode == 0 && !output.Contains("failed", StringComparison.Ordinal), output);
    }

    [Theory]
    [InlineData("dynamic", 2560 + VpcBed.Block + 512, 2560 + (5 * (VpcBed.Block + 512)))]
    [InlineData("fixed", (5 * VpcBed.Block) + 512, (5 * VpcBed.Block) + 512)]
    public async Task A_new_image_is_measured(string subformat, long required, long full)
    {
        Assert.True(VpcBed.Images.Driver.TryGetFacet<IImageMeasure>(out var measure));
        var source = new MemoryImage(5 * VpcBed.Block);
        source.Write(VpcBed.Block, new byte[] { 1 });
        var options = new Dictionary<string, object> { ["size"] = 0, ["subformat"] = subformat, ["force-size"] = true };
        var need = await measure.MeasureAsync(
            System.Text.Json.JsonSerializer.SerializeToElement(options), new MemoryChild(source), default);
        Assert.Equal(new ImageMeasure(required, full), need);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<MemoryImage> DifferencingAsync(long size)
    {
        var image = await VpcBed.CreateAsync(size);
        VpcBed.Set(image, 0, 512, 64, (60, 4));
        return image;
    }

    /// <summary>QEMU 7.2 writes behind the footer, and cannot open the image afterwards.</summary>
    [Fact]
    public async Task A_footer_that_claims_more_than_there_is_stays_where_it_is()
    {
        var image = await VpcBed.CreateAsync(1 << 20, "fixed");
        var end = image.Length;
        VpcBed.Set(image, end - 512, 512, checksumAt: 64, (40, 0), (44, 1 << 30), (48, 0), (52, 1 << 30));
        await using (var node = await VpcBed.Images.OpenAsync(image))
        {
            Assert.Equal(1 << 30, node.Profile.Length);
            await Disk.WriteAsync(node, (1 << 20) - 512, 512, 7);

            var refused = await Assert.ThrowsAsync<BlockException>(() => Disk.WriteAsync(node, 1 << 20, 512, 7).AsTask());
            Assert.Equal(BlockErrorKind.NoSpace, refused.Kind);
            await Assert.ThrowsAsync<BlockException>(
                () => node.WriteZeroesAsync((1 << 20) - 512, 1024, ZeroFlags.None, default).AsTask());
            await Assert.ThrowsAsync<BlockException>(() => node.DiscardAsync(1 << 29, 512, default).AsTask());
        }

        Assert.Equal(end, image.Length);
        await using var again = await VpcBed.Images.OpenAsync(image);
        Assert.Equal(1 << 30, again.Profile.Length);
    }
}
