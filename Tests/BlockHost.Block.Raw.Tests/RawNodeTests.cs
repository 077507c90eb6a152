// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Raw;

namespace BlockHost.Block.Raw.Tests;

public sealed class RawNodeTests
{
    private const int StorageSize = 1 << 20;

    private readonly MemoryImage _image = new(DriverHarness.Pattern(StorageSize));
    private readonly BlockDriver _driver = DriverHarness.Driver<RawPlugin>("raw");

    [Fact]
    public async Task A_whole_image_has_the_length_and_bytes_of_its_storage()
    {
        var (node, _) = await OpenAsync("");
        Assert.Equal(StorageSize, node.Profile.Length);
        var read = new byte[5000];
        await node.ReadAsync(777, read, ReadFlags.None, default);
        Assert.Equal(_image.Read(777, 5000), read);
    }

    [Fact]
    public async Task A_window_shifts_every_operation()
    {
        var (node, storage) = await OpenAsync(""","offset":4096,"size":65536""");
        Assert.Equal(65536, node.Profile.Length);
        await node.WriteAsync(0, new byte[] { 1, 2, 3 }, WriteFlags.Fua, default);
        await node.ReadAsync(512, new byte[10], ReadFlags.None, default);
        await node.WriteZeroesAsync(1024, 512, ZeroFlags.MayUnmap, default);
        await node.DiscardAsync(2048, 512, default);
        await node.FlushAsync(default);
        Assert.Equal(
            [("write", 4096L, 3L), ("read", 4608, 10), ("write-zeroes", 5120, 512), ("discard", 6144, 512), ("flush", 0, 0)],
            storage.Operations.Select(o => (Name(o), o.Offset, o.Bytes)));
        Assert.Equal([1, 2, 3], _image.Read(4096, 3));
    }

    [Fact]
    public async Task Status_refers_to_the_storage_at_the_shifted_offset()
    {
        var (node, storage) = await OpenAsync(""","offset":4096""");
        var status = await node.GetStatusAsync(512, 1024, StatusPrecision.WantZero, default);
        Assert.Equal(new BlockStatus(1024, BlockStatusFlags.Raw | BlockStatusFlags.OffsetValid, 4608, storage), status);
    }

    [Theory]
    [InlineData(""","offset":1048577""", "Offset (1048577) cannot be greater than size of the containing file (1048576)")]
    [InlineData(
        ""","offset":512,"size":1048576""",
        "The sum of offset (512) and size (1048576) has to be smaller or equal to the  actual size of the containing file (1048576)")]
    [InlineData(
        ""","offset":1,"size":9223372036854775807""",
        "The sum of offset (1) and size (9223372036854775807) has to be smaller or equal to the  actual size of the containing file (1048576)")]
    [InlineData(""","size":511""", "Specified size is not multiple of 512")]
    [InlineData(""","offset":-512""", "Parameter 'offset' expects a non-negative number below 2^64")]
    [InlineData(""","size":-512""", "Parameter 'size' expects a non-negative number below 2^64")]
    public async Task A_window_outside_of_the_storage_is_refused(string options, string text)
    {
        var e = await Assert.ThrowsAsync<BlockException>(async () => await OpenAsync(options));
        Assert.Equal(text, e.Message);
        Assert.Equal(BlockErrorKind.InvalidArgument, e.Kind);
    }

    [Theory]
    [InlineData("", 1000, 1024)]
    [InlineData(""","offset":511""", 1000, 512)]
    [InlineData(""","offset":1000""", 1000, 0)]
    [InlineData(""","size":512""", 1000, 512)]
    [InlineData(""","size":0""", 1000, 0)]
    public async Task Lengths_are_whole_sectors(string options, int storage, long length)
    {
        var (node, _) = await OpenAsync(options, new MemoryImage(storage));
        Assert.Equal(length, node.Profile.Length);
    }

    [Fact]
    public async Task Nothing_outside_of_a_fixed_window_can_be_written()
    {
        var before = _image.Read(0, StorageSize);
        var (node, _) = await OpenAsync(""","offset":4096,"size":8192""");
        Assert.False(node.Profile.Growable);
        foreach (var (offset, bytes) in new (long, int)[] { (8192, 1), (8000, 512), (long.MaxValue - 4096, 1) })
        {
            await AssertNoSpaceAsync(() => node.WriteAsync(offset, new byte[bytes], WriteFlags.None, default));
            await AssertNoSpaceAsync(() => node.WriteZeroesAsync(offset, bytes, ZeroFlags.None, default));
            await AssertNoSpaceAsync(() => node.DiscardAsync(offset, bytes, default));
        }

        Assert.Equal(before, _image.Read(0, StorageSize));
    }

    [Fact]
    public async Task Without_a_size_the_image_grows_with_its_storage()
    {
        var (node, _) = await OpenAsync(""","offset":4096""");
        Assert.True(node.Profile.Growable);
        await node.WriteAsync(StorageSize, new byte[4096], WriteFlags.None, default);
        Assert.Equal(StorageSize + 8192, _image.Length);
        Assert.Equal(StorageSize + 4096, node.Profile.Length);
    }

    [Fact]
    public async Task A_resize_moves_the_end_of_the_storage()
    {
        var (node, _) = await OpenAsync(""","offset":4096""");
        await ((IResizable)node).ResizeAsync(1024, default, default);
        Assert.Equal(5120, _image.Length);
        Assert.Equal(1024, node.Profile.Length);
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await ((IResizable)node).ResizeAsync(long.MaxValue, default, default));
        Assert.Equal("Disk size too large for the chosen offset", e.Message);
    }

    [Fact]
    public async Task A_fixed_window_cannot_be_resized()
    {
        var (node, _) = await OpenAsync(""","size":4096""");
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await ((IResizable)node).ResizeAsync(1024, default, default));
        Assert.Equal("Cannot resize fixed-size raw disks", e.Message);
    }

    [Fact]
    public async Task Reopening_moves_the_window_or_leaves_it_when_the_new_one_is_bad()
    {
        var (node, _) = await OpenAsync("");
        var context = new TestNodeContext(new TestPluginHost());
        var step = await ((IReopenable)node).PrepareReopenAsync(
            context, Json("""{"file":"file","offset":512,"size":1024}"""), default);
        Assert.Equal(StorageSize, node.Profile.Length);
        step.Commit();
        Assert.Equal(1024, node.Profile.Length);
        var read = new byte[16];
        await node.ReadAsync(0, read, ReadFlags.None, default);
        Assert.Equal(_image.Read(512, 16), read);

        await Assert.ThrowsAsync<BlockException>(async () =>
            await ((IReopenable)node).PrepareReopenAsync(context, Json("""{"file":"file","offset":9999999}"""), default));
        Assert.Equal(1024, node.Profile.Length);
    }

    [Fact]
    public async Task A_whole_image_is_a_filter_over_its_storage_and_a_window_holds_data()
    {
        Assert.Equal(BlockChildRole.Primary | BlockChildRole.Filtered, await RoleAsync(""","offset":0"""));
        Assert.Equal(BlockChildRole.Primary | BlockChildRole.Data, await RoleAsync(""","offset":512"""));
        Assert.Equal(BlockChildRole.Primary | BlockChildRole.Data, await RoleAsync(""","size":512"""));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task An_image_is_writable_only_if_it_and_its_storage_are(bool nodeReadOnly, bool storageReadOnly)
    {
        var context = new TestNodeContext(new TestPluginHost()) { ReadOnly = nodeReadOnly };
        context.Children["file"] = new MemoryChild(_image) { ReadOnly = storageReadOnly };
        var node = await _driver.OpenAsync(context, """{"file":"file"}""");
        Assert.Equal(!nodeReadOnly && !storageReadOnly, node.Profile.Writable);
    }

    [Fact]
    public async Task An_error_of_the_storage_comes_through_as_it_is()
    {
        var context = new TestNodeContext(new TestPluginHost());
        var storage = new MemoryChild(_image);
        context.Children["file"] = storage;
        var node = await _driver.OpenAsync(context, """{"file":"file"}""");
        storage.Close();
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await node.ReadAsync(0, new byte[1], ReadFlags.None, default));
        Assert.Equal(BlockErrorKind.ShuttingDown, e.Kind);
    }

    [Fact]
    public async Task Creating_resizes_the_storage_to_whole_sectors_and_leaves_nothing_of_what_was_there()
    {
        var context = new TestImageCreateContext(new TestPluginHost()) { Storage = { ["file"] = new MemoryChild(_image) } };
        await ((IImageCreator)_driver).CreateAsync(context, Json("""{"file":"file","size":1000}"""), default);
        Assert.Equal(new byte[1024], _image.Read(0, 1024));
        Assert.Equal(1024, _image.Length);
    }

    [Fact]
    public async Task An_image_needs_its_length_in_storage()
    {
        var measure = (IImageMeasure)_driver;
        Assert.Equal(new ImageMeasure(1024, 1024), await measure.MeasureAsync(Json("""{"size":1000}"""), null, default));
        Assert.Equal(
            new ImageMeasure(StorageSize, StorageSize), await measure.MeasureAsync(Json("{}"), new MemoryChild(_image), default));
    }

    [Fact]
    public void Every_other_format_may_claim_an_image_before_raw() => Assert.Equal(1, _driver.Probe(new byte[512], "x.img"));

    [Fact]
    public async Task Passing_on_a_request_that_completes_at_once_allocates_nothing()
    {
        var (node, _) = await OpenAsync(""","offset":4096""", memoryOnly: true);
        var buffer = new byte[4096];

        Assert.Equal(0, Allocations.Of(() =>
        {
            node.ReadAsync(64, buffer, ReadFlags.None, default).GetAwaiter().GetResult();
            node.WriteAsync(64, buffer, WriteFlags.None, default).GetAwaiter().GetResult();
        }));
    }

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;

    private static string Name(ChildOperation operation) => operation.Kind switch
    {
        ChildOperationKind.WriteZeroes => "write-zeroes",
        var kind => kind.ToString().ToLowerInvariant(),
    };

    private static async Task AssertNoSpaceAsync(Func<ValueTask> operation)
    {
        var e = await Assert.ThrowsAsync<BlockException>(async () => await operation());
        Assert.Equal(BlockErrorKind.NoSpace, e.Kind);
    }

    private async Task<BlockChildRole> RoleAsync(string options)
    {
        var context = new RoleContext(_image);
        await _driver.OpenAsync(context.Object, Json($$"""{"file":"file"{{options}}}"""), default);
        return context.Role;
    }

    private async Task<(BlockNode Node, RecordingChild Storage)> OpenAsync(
        string options, MemoryImage? image = null, bool memoryOnly = false)
    {
        var memory = new MemoryChild(image ?? _image);
        var recording = new RecordingChild(memory);
        var context = new TestNodeContext(new TestPluginHost());
        context.Children["file"] = memoryOnly ? memory : recording;
        return (await _driver.OpenAsync(context, $$"""{"file":"file"{{options}}}"""), recording);
    }

    private sealed class RoleContext : Moq.Mock<IBlockNodeContext>
    {
        internal RoleContext(MemoryImage image) =>
            Setup(c => c.OpenChildAsync(Moq.It.Is<ChildSpec>(child => child.Name == "file"), Moq.It.IsAny<CancellationToken>()))
            .Returns((ChildSpec child, CancellationToken _) =>
            {
                Role = child.Role;
                return new ValueTask<IBlockChild?>(new MemoryChild(image));
            });

        internal BlockChildRole Role { get; private set; }
    }
}
