// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vhdx.Tests;

/// <summary>Images over a parent, which QEMU does not open.</summary>
public sealed class DifferencingTests : IDisposable
{
    private const long FirstBlock = 8 << 20;

    /// <summary>Where the entry of the first bitmap stands.</summary>
    private const long FirstBitmap = 4096;

    private readonly string _folder = Directory.CreateTempSubdirectory("vhdx").FullName;

    [Fact]
    public async Task An_image_shows_its_parent_where_it_has_no_sector()
    {
        var image = await DifferencingAsync(3);
        GiveSectors(image);
        var expected = new byte[3 * VhdxBed.Block];
        expected.AsSpan(0, 2 * VhdxBed.Block).Fill(9);
        expected.AsSpan(512, 512).Fill(5);
        expected.AsSpan(9 * 512, 512).Fill(6);
        await using (var node = await VhdxBed.OpenAsync(image, backing: Parent(9)))
        {
            Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(node)));
            Assert.Equal(
                new BlockStatus(512, BlockStatusFlags.None),
                await node.GetStatusAsync(0, 4096, StatusPrecision.WantZero, default));
            Assert.Equal(FirstBlock + 512, (await node.GetStatusAsync(512, 4096, StatusPrecision.WantZero, default)).HostOffset);
            await Disk.WriteAsync(node, 100_000, 50, 7);
            await Disk.WriteAsync(node, VhdxBed.Block + 100, 50, 7);
        }

        expected.AsSpan(100_000, 50).Fill(7);
        expected.AsSpan(VhdxBed.Block + 100, 50).Fill(7);
        await using var again = await VhdxBed.OpenAsync(image, readOnly: true, backing: Parent(0));
        Assert.True(Disk.Same(expected, await Disk.ReadAllAsync(again)), "written blocks are whole, whatever the parent has");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public async Task A_block_without_data_hides_the_parent(ulong state)
    {
        var image = await DifferencingAsync(2);
        VhdxBed.SetEntry(image, 0, state);
        await using var node = await VhdxBed.OpenAsync(image, backing: Parent(9));
        var content = await Disk.ReadAllAsync(node);
        Assert.Equal(VhdxBed.Block, content.Count(b => b == 9));
        Assert.Equal(0, content[0]);
        await node.WriteZeroesAsync(VhdxBed.Block, VhdxBed.Block, ZeroFlags.MayUnmap, default);
        Assert.All(await Disk.ReadAllAsync(node), b => Assert.Equal(0, b));
    }

    [Fact]
    public async Task A_block_whose_bitmap_is_missing_cannot_be_read()
    {
        var image = await DifferencingAsync(1);
        GiveSectors(image);
        VhdxBed.SetEntry(image, FirstBitmap, 0);
        await using var node = await VhdxBed.OpenAsync(image, backing: Parent(9));
        var e = await Assert.ThrowsAsync<BlockException>(() => Disk.ReadAllAsync(node));
        Assert.Equal("The VHDX image has no bitmap for a block that is partly present", e.Message);
    }

    [Fact]
    public async Task A_parent_that_was_written_since_is_refused()
    {
        var parent = await VhdxBed.CreateAsync(VhdxBed.Block);
        var linkage = new Guid(parent.Read(VhdxBed.Header2 + 32, 16));
        var image = await DifferencingAsync(1, ("parent_linkage", $"{{{linkage}}}"), ("relative_path", @".\parent.vhdx"));
        await using (var node = await VhdxBed.OpenAsync(parent))
        {
            var child = new NodeChild(new MemoryChild(new MemoryImage(VhdxBed.Block), "backing"), node);
            await (await VhdxBed.OpenAsync(image, backing: child)).DisposeAsync();
            await Disk.WriteAsync(node, 0, 512, 1);
            var e = await Assert.ThrowsAsync<BlockException>(() => VhdxBed.OpenAsync(image, backing: child));
            Assert.StartsWith("The backing file is not what the VHDX image was made over", e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(@"C:\images\parent.vhdx")]
    [InlineData("nbd://host/x")]
    [InlineData("json:{}")]
    public async Task A_parent_that_is_no_plain_path_is_not_followed(string name)
    {
        var image = await DifferencingAsync(1, ("relative_path", name));
        var e = await Assert.ThrowsAsync<BlockException>(() => VhdxBed.OpenAsync(image));
        Assert.Equal("The VHDX image names its parent by no plain path: give it as 'backing'", e.Message);
    }

    [Fact]
    public async Task Without_its_parent_an_image_can_be_described()
    {
        var image = await DifferencingAsync(1, ("relative_path", @"C:\images\parent.vhdx"));
        await using var node = await VhdxBed.OpenAsync(image, readOnly: true, noIo: true);
        Assert.Equal(VhdxBed.Block, node.Profile.Length);
    }

    [Fact]
    public async Task A_plain_image_takes_no_backing_file()
    {
        var image = await VhdxBed.CreateAsync(VhdxBed.Block);
        var e = await Assert.ThrowsAsync<BlockException>(() => VhdxBed.OpenAsync(image, backing: Parent(1)));
        Assert.Equal("The VHDX image is no differencing image: it has no backing file", e.Message);
    }

    [Theory]
    [InlineData(18, 0xff)]
    [InlineData(20, 0xff)]
    [InlineData(0, 0xff)]
    [InlineData(29, 0xff)]
    public async Task A_locator_that_points_out_of_itself_is_refused(int at, byte value)
    {
        var image = await DifferencingAsync(1, ("relative_path", "x"));
        image.Write(VhdxBed.Items + 4096 + at, new[] { value, value });
        await Assert.ThrowsAsync<BlockException>(() => VhdxBed.OpenAsync(image, backing: Parent(1)));
    }

    [SkippableFact]
    public async Task What_is_shown_is_what_7zip_shows()
    {
        Skip.IfNot(InstalledPrograms.Has("7z"), "needs 7z");
        var parent = await VhdxBed.CreateAsync(3 * VhdxBed.Block);
        byte[] below;
        await using (var node = await VhdxBed.OpenAsync(parent))
        {
            await Disk.WriteAsync(node, 0, VhdxBed.Block, 9);
            await Disk.WriteAsync(node, VhdxBed.Block + 5000, 70_000, 8);
            below = await Disk.ReadAllAsync(node);
        }

        var linkage = new Guid(parent.Read(VhdxBed.Header2 + 32, 16));
        var image = await DifferencingAsync(3, ("parent_linkage", $"{{{linkage}}}"), ("relative_path", @".\parent.vhdx"));
        GiveSectors(image);
        byte[] content;
        await using (var node = await VhdxBed.OpenAsync(
            image, backing: new MemoryChild(new MemoryImage(below), "backing") { ReadOnly = true }))
        {
            await Disk.WriteAsync(node, VhdxBed.Block + 70_000, 1000, 7);
            content = await Disk.ReadAllAsync(node);
        }

        await Qemu.SaveAsync(parent, Path.Combine(_folder, "parent.vhdx"));
        await Qemu.SaveAsync(image, Path.Combine(_folder, "child.vhdx"));
        var (exitCode, output) = Qemu.Run(_folder, "7z", "x", "-y", "-oout", "child.vhdx");
        Assert.True(exitCode == 0, output);
        Assert.True(
            Disk.Same(content, await File.ReadAllBytesAsync(Assert.Single(Directory.GetFiles(Path.Combine(_folder, "out"))))));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<MemoryImage> DifferencingAsync(int blocks, params (string Key, string Value)[] says)
    {
        var image = await VhdxBed.CreateAsync(blocks * (long)VhdxBed.Block, ("block-state-zero", false));
        VhdxBed.GiveParent(image, says);
        return image;
    }

    /// <summary>The first block has the second and the tenth sector, as other programs leave it.</summary>
    private static void GiveSectors(MemoryImage image)
    {
        VhdxBed.SetEntry(image, 0, FirstBlock | 7);
        VhdxBed.SetEntry(image, FirstBitmap, (FirstBlock + VhdxBed.Block) | 6);
        image.Write(FirstBlock, new byte[2 * VhdxBed.Block]);
        image.Write(FirstBlock + VhdxBed.Block, new byte[] { 0x02, 0x02 });
        image.Write(FirstBlock + 512, Enumerable.Repeat((byte)5, 512).ToArray());
        image.Write(FirstBlock + (9 * 512), Enumerable.Repeat((byte)6, 512).ToArray());
    }

    /// <summary>Two blocks of one byte, and nothing behind them.</summary>
    private static MemoryChild Parent(byte content) =>
        new(new MemoryImage(Enumerable.Repeat(content, 2 * VhdxBed.Block).ToArray()), "backing") { ReadOnly = true };

    /// <summary>A child that is known as a node of the driver is.</summary>
    private sealed class NodeChild(IBlockChild inner, BlockNode node) : DelegatingChild(inner), IBlockChild
    {
        bool IBlockChild.TryGetFacet<T>([NotNullWhen(true)] out T? facet)
            where T : class => node.TryGetFacet(out facet);

        protected override ValueTask BeforeAsync(ChildOperation operation) => ValueTask.CompletedTask;
    }
}
