// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vhdx.Tests;

/// <summary>What QEMU cannot do with these images, and what it must be able to read afterwards.</summary>
public sealed class VhdxTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vhdx").FullName;

    [Fact]
    public async Task Opening_for_writing_and_closing_changes_nothing()
    {
        var image = await VhdxBed.CreateAsync(VhdxBed.Block);
        var before = image.Read(0, (int)image.Length);
        await using (var node = await VhdxBed.OpenAsync(image))
            await node.FlushAsync(default);
        Assert.True(Disk.Same(before, image.Read(0, (int)image.Length)));
    }

    [Fact]
    public async Task A_write_changes_the_ids_that_say_whether_the_disk_is_the_same()
    {
        var image = await VhdxBed.CreateAsync(VhdxBed.Block);
        var before = (File: Newest(image, 16), Data: Newest(image, 32));
        await using (var node = await VhdxBed.OpenAsync(image))
        {
            await Disk.WriteAsync(node, 0, 512, 1);
            Assert.NotEqual(before.File, Newest(image, 16));
            Assert.NotEqual(before.Data, Newest(image, 32));
            await node.FlushAsync(default);
            Assert.NotEqual(Guid.Empty, Newest(image, 48));
        }

        // Both headers say that the log is empty.
        Assert.Equal(Guid.Empty, Newest(image, 48));
        Assert.All([VhdxBed.Header1, VhdxBed.Header2], header => Assert.Equal(Guid.Empty, new Guid(image.Read(header + 48, 16))));
    }

    [Fact]
    public async Task Where_one_header_is_damaged_the_other_one_counts()
    {
        var image = await VhdxBed.CreateAsync(VhdxBed.Block);
        await using (var node = await VhdxBed.OpenAsync(image))
            await Disk.WriteAsync(node, 0, 512, 1);
        foreach (var header in new[] { VhdxBed.Header1, VhdxBed.Header2 })
        {
            var damaged = image.Clone();
            damaged.Write(header + 100, new byte[] { 1 });
            await using var node = await VhdxBed.OpenAsync(damaged);
            Assert.Equal(512, (await Disk.ReadAllAsync(node)).Count(b => b != 0));
            await Disk.WriteAsync(node, 512, 512, 1);
        }
    }

    /// <summary>As Disk2vhd leaves it.</summary>
    [Fact]
    public async Task Two_headers_that_are_the_same_are_as_good_as_one()
    {
        var image = await VhdxBed.CreateAsync(VhdxBed.Block);
        image.Write(VhdxBed.Header1, image.Read(VhdxBed.Header2, 4096));
        await using (var node = await VhdxBed.OpenAsync(image))
            await Disk.WriteAsync(node, 0, 512, 1);
        await using var again = await VhdxBed.OpenAsync(image, readOnly: true);
        Assert.Equal(512, (await Disk.ReadAllAsync(again)).Count(b => b != 0));
    }

    [Fact]
    public async Task An_image_whose_sequence_numbers_have_come_to_their_end_is_not_written()
    {
        var image = await VhdxBed.CreateAsync(VhdxBed.Block);
        VhdxBed.Seal(image, VhdxBed.Header1, 4096, (8, BitConverter.GetBytes(ulong.MaxValue)));
        await using var node = await VhdxBed.OpenAsync(image);
        var e = await Assert.ThrowsAsync<BlockException>(async () => await Disk.WriteAsync(node, 0, 512, 1));
        Assert.Equal("The VHDX headers have no sequence number left", e.Message);
    }

    /// <summary>While it is only read, others may be made over it: they must see that it changes again.</summary>
    [Fact]
    public async Task An_image_that_is_reopened_for_writing_gets_new_ids_again()
    {
        var image = await VhdxBed.CreateAsync(2 * VhdxBed.Block);
        await using var node = await VhdxBed.OpenAsync(image);
        await Disk.WriteAsync(node, 0, 512, 1);
        await ReopenAsync(node, readOnly: true);
        Assert.Equal(Guid.Empty, Newest(image, 48));
        var before = Newest(image, 32);
        await ReopenAsync(node, readOnly: false);
        await Disk.WriteAsync(node, VhdxBed.Block, 512, 1);
        await node.FlushAsync(default);
        Assert.NotEqual(before, Newest(image, 32));
    }

    /// <summary>QEMU reads the first one only.</summary>
    [Fact]
    public async Task Where_the_first_region_table_is_damaged_the_second_one_counts()
    {
        var image = await VhdxBed.CreateAsync(VhdxBed.Block);
        image.Write(VhdxBed.Region1, new byte[100]);
        await using var node = await VhdxBed.OpenAsync(image);
        Assert.Equal(VhdxBed.Block, node.Profile.Length);
    }

    [Fact]
    public async Task An_image_with_no_usable_log_can_only_be_read()
    {
        var image = await VhdxBed.CreateAsync(VhdxBed.Block);
        foreach (var header in new[] { VhdxBed.Header1, VhdxBed.Header2 })
            VhdxBed.Seal(image, header, 4096, (68, [0, 0, 0, 0]));
        var e = await Assert.ThrowsAsync<BlockException>(() => VhdxBed.OpenAsync(image));
        Assert.Equal("The VHDX image has no log that can be written: it can only be read", e.Message);
        await using var node = await VhdxBed.OpenAsync(image, readOnly: true);
        Assert.Equal(VhdxBed.Block, node.Profile.Length);
    }

    [Fact]
    public async Task What_a_power_cut_left_in_a_place_does_not_show_in_the_block_that_gets_it()
    {
        var image = await VhdxBed.CreateAsync(2 * VhdxBed.Block);
        image.Write(4 << 20, Enumerable.Repeat((byte)0xee, 4 << 20).ToArray());
        await using var node = await VhdxBed.OpenAsync(image);
        await Disk.WriteAsync(node, 512, 512, 1);
        Assert.Equal(512, (await Disk.ReadAllAsync(node)).Count(b => b != 0));
    }

    [Fact]
    public async Task A_full_disk_fails_the_write_and_nothing_else()
    {
        var image = await VhdxBed.CreateAsync(3 * VhdxBed.Block);
        var room = (4 << 20) + VhdxBed.Block;
        var full = new FailurePlan
        {
            FailWhen = operation => operation.IsWrite && operation.Offset + operation.Bytes > room,
            Kind = BlockErrorKind.NoSpace,
        };
        await using (var node = await VhdxBed.OpenAsync(image, wrap: child => new FailingChild(child, full)))
        {
            await Disk.WriteAsync(node, 0, 4096, 1);
            await Assert.ThrowsAsync<BlockException>(async () => await Disk.WriteAsync(node, VhdxBed.Block, 4096, 2));
            await Disk.WriteAsync(node, 4096, 4096, 3);
        }

        await using var again = await VhdxBed.OpenAsync(image, readOnly: true);
        Assert.Equal(0, (await Disk.CheckAsync(again)).Corruptions);
        Assert.Equal(8192, (await Disk.ReadAllAsync(again)).Count(b => b != 0));
    }

    /// <summary>
    /// Each operation of a session fails once: what was flushed is there, and what is written again afterwards too.
    /// </summary>
    [Fact]
    public async Task A_write_that_fails_anywhere_can_be_done_again()
    {
        for (var failAt = 0; failAt < 60; failAt++)
        {
            var image = await VhdxBed.CreateAsync(3 * VhdxBed.Block);
            var plan = new FailurePlan();
            await using (var node = await VhdxBed.OpenAsync(image, wrap: child => new FailingChild(child, plan)))
            {
                plan.FailAt = plan.Seen + failAt;
                for (var block = 2; block >= 0; block--)
                {
                    await AgainAsync(() => Disk.WriteAsync(node, block * VhdxBed.Block, 4096, (byte)(block + 1)));
                    await AgainAsync(() => node.FlushAsync(default));
                }

                plan.FailAt = -1;
            }

            await using var again = await VhdxBed.OpenAsync(image, readOnly: true);
            Assert.Equal(0, (await Disk.CheckAsync(again)).Corruptions);
            var content = await Disk.ReadAllAsync(again);
            for (var block = 0; block < 3; block++)
                Assert.Equal(block + 1, content[(block * VhdxBed.Block) + 4095]);
        }
    }

    [Theory]
    [InlineData(
        0x700006UL, "VHDX BAT entry 0 end offset 8388607 points after end of file (8388096). Image has probably been truncated.")]
    [InlineData(
        0x4000000000000006UL,
        "VHDX BAT entry 0 start offset 4611686018427387904 points after end of file (8388096). Image has probably been truncated.")]
    [InlineData(0x000006UL, "VHDX region 0-1048576 overlaps with region 0-1048576")]
    [InlineData(0x300006UL, "VHDX region 3145728-4194304 overlaps with region 3145728-4194304")]
    [InlineData(0x500006UL, "VHDX BAT entry 1 start offset 5242880 is in use by another entry")]
    public async Task A_check_finds_blocks_where_they_cannot_be(ulong entry, string message)
    {
        var image = await VhdxBed.CreateAsync(2 * VhdxBed.Block);
        image.Resize(image.Length - 512);
        image.Write(VhdxBed.Table, BitConverter.GetBytes(entry));
        image.Write(VhdxBed.Table + 8, BitConverter.GetBytes(0x500006UL));
        await using var node = await VhdxBed.OpenAsync(image, readOnly: true, forRepair: true);
        var result = await Disk.CheckAsync(node);
        Assert.Equal((1, "qemu-img: " + message), (result.Corruptions, Assert.Single(result.Messages)));
    }

    [SkippableFact]
    public async Task A_disk_with_sectors_of_4_KiB_is_read_as_7zip_reads_it()
    {
        Skip.IfNot(InstalledPrograms.Has("7z"), "needs 7z");
        var image = await VhdxBed.CreateAsync(3 * VhdxBed.Block);
        image.Write(VhdxBed.Items + 32, BitConverter.GetBytes(4096));
        image.Write(VhdxBed.Items + 36, BitConverter.GetBytes(4096));
        byte[] content;
        await using (var node = await VhdxBed.OpenAsync(image))
        {
            await Disk.WriteAsync(node, VhdxBed.Block + 1000, 100_000, 5);
            content = await Disk.ReadAllAsync(node);
        }

        await Qemu.SaveAsync(image, Path.Combine(_folder, "a.vhdx"));
        var (exitCode, output) = Qemu.Run(_folder, "7z", "x", "-y", "a.vhdx");
        Assert.True(exitCode == 0, output);
        var extracted = Directory.GetFiles(_folder).Single(file => !file.EndsWith("vhdx", StringComparison.Ordinal));
        Assert.True(Disk.Same(content, await File.ReadAllBytesAsync(extracted)));
    }

    [SkippableTheory]
    [InlineData("dynamic")]
    [InlineData("fixed")]
    public async Task QEMU_goes_on_with_an_image_that_was_discarded_in_and_resized(string subformat)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var image = await VhdxBed.CreateAsync(5 * VhdxBed.Block, ("subformat", subformat));
        await using (var node = await VhdxBed.OpenAsync(image))
        {
            for (var block = 4; block >= 0; block--)
                await Disk.WriteAsync(node, block * VhdxBed.Block, VhdxBed.Block, (byte)(block + 1));
            await node.DiscardAsync(VhdxBed.Block, VhdxBed.Block, default);
            await node.WriteZeroesAsync((3 * VhdxBed.Block) + 512, VhdxBed.Block / 2, ZeroFlags.MayUnmap, default);
            await Disk.ResizeAsync(node, (3 * VhdxBed.Block) + 1024);
            await Disk.ResizeAsync(node, 10L * VhdxBed.Block);
        }

        await Qemu.SaveAsync(image, Path.Combine(_folder, "a.vhdx"));
        string[] commands =
        [
            "read -P 1 0 1M", "read -P 0 1M 1M", "read -P 3 2M 1M", "read -P 4 3M 512", "read -P 0 3146240 6M",
            "write -P 7 9M 1M", "write -P 6 1M 1M", "read -P 7 9M 1M", "read -P 6 1M 1M",
        ];
        var args = commands.SelectMany(command => new[] { "-c", command });
        var (exitCode, output) = Qemu.Run(_folder, "qemu-io", ["-f", "vhdx", .. args, "a.vhdx"]);
        Assert.True(exitCode == 0 && !output.Contains("failed", StringComparison.Ordinal), output);
        Assert.Equal(0, Qemu.Run(_folder, "qemu-img", "check", "a.vhdx").ExitCode);
    }

    [Fact]
    public async Task An_image_gets_the_room_back_that_a_shrink_frees()
    {
        var image = await VhdxBed.CreateAsync(5 * VhdxBed.Block);
        await using var node = await VhdxBed.OpenAsync(image);
        for (var block = 0; block < 5; block++)
            await Disk.WriteAsync(node, block * VhdxBed.Block, 512, 1);
        await Disk.ResizeAsync(node, VhdxBed.Block);
        Assert.Equal((4 << 20) + VhdxBed.Block, image.Length);
        await Disk.ResizeAsync(node, 2 * VhdxBed.Block);
        Assert.Equal(512, (await Disk.ReadAllAsync(node)).Count(b => b != 0));
        await Disk.WriteAsync(node, VhdxBed.Block, 512, 1);
        Assert.Equal((4 << 20) + (2 * VhdxBed.Block), image.Length);
    }

    [Theory]
    [InlineData((64L << 40) + 1, "Image size too large; max of 64TB")]
    [InlineData(0, "A VHDX image has a size of at least one sector")]
    public async Task A_size_that_there_is_not_is_refused(long length, string message)
    {
        await using var node = await VhdxBed.OpenAsync(await VhdxBed.CreateAsync(VhdxBed.Block));
        Assert.Equal(message, (await Assert.ThrowsAsync<BlockException>(() => Disk.ResizeAsync(node, length))).Message);
        Assert.Equal(VhdxBed.Block, node.Profile.Length);
    }

    [Theory]
    [InlineData("dynamic", (8 << 20) + VhdxBed.Block)]
    [InlineData("fixed", (8 << 20) + (10 * VhdxBed.Block))]
    public async Task A_new_image_is_measured(string subformat, long required)
    {
        Assert.True(VhdxBed.Driver.TryGetFacet<IImageMeasure>(out var measure));
        var source = new MemoryImage(10 * VhdxBed.Block);
        source.Write(VhdxBed.Block, new byte[] { 1 });
        var options = new Dictionary<string, object> { ["size"] = 0, ["subformat"] = subformat, ["block-size"] = VhdxBed.Block };
        var need = await measure.MeasureAsync(JsonSerializer.SerializeToElement(options), new MemoryChild(source), default);
        Assert.Equal(new ImageMeasure(required, (8 << 20) + (10 * VhdxBed.Block)), need);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task ReopenAsync(BlockNode node, bool readOnly)
    {
        Assert.True(node.TryGetFacet<IReopenable>(out var facet));
        var context = new TestNodeContext(new TestPluginHost()) { ReadOnly = readOnly };
        (await facet.PrepareReopenAsync(context, JsonDocument.Parse("{}").RootElement, default)).Commit();
    }

    private static async Task AgainAsync(Func<ValueTask> operation)
    {
        try
        {
            await operation();
        }
        catch (BlockException)
        {
            await operation();
        }
    }

    /// <summary>An id of the header that counts.</summary>
    private static Guid Newest(MemoryImage image, int at)
    {
        var isFirst = BitConverter.ToUInt64(image.Read(VhdxBed.Header1 + 8, 8)) > BitConverter
            .ToUInt64(image.Read(VhdxBed.Header2 + 8, 8));
        return new Guid(image.Read((isFirst ? VhdxBed.Header1 : VhdxBed.Header2) + at, 16));
    }
}
