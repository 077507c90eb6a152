// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.CopyOnRead;
using Moq;

namespace BlockHost.Filter.CopyOnRead.Tests;

public sealed class CopyOnReadTests
{
    private const byte Below = 7;

    private readonly LayeredChild _image = new(1024, Below);

    [Fact]
    public async Task A_read_from_below_is_answered_and_its_clusters_are_stored()
    {
        await using var filter = await OpenAsync();

        var read = await ReadAsync(filter, 100, 50);

        Assert.All(read, b => Assert.Equal(Below, b));
        Assert.Equal([("read", 64, 128), ("copy", 64, 128)], _image.Requests);
    }

    [Fact]
    public async Task The_second_read_finds_what_the_first_has_copied()
    {
        await using var filter = await OpenAsync();
        await ReadAsync(filter, 0, 64);
        _image.Requests.Clear();

        await ReadAsync(filter, 0, 64);

        Assert.Equal([("read", 0, 64)], _image.Requests);
    }

    [Fact]
    public async Task What_the_image_has_itself_is_left_alone_within_a_larger_read()
    {
        await _image.WriteAsync(64, new byte[64]);
        await using var filter = await OpenAsync();
        _image.Requests.Clear();

        var read = await ReadAsync(filter, 0, 192);

        Assert.Equal([Below, 0, Below], [read[0], read[64], read[128]]);
        Assert.Equal(
            [(0, 64), (128, 64)],
            _image.Requests.Where(request => request.What == "copy").Select(request => (request.Offset, request.Bytes)));
    }

    [Fact]
    public async Task Zeroes_are_stored_as_zeroes()
    {
        var empty = new LayeredChild(1024, below: 0);
        await using var filter = await OpenAsync(empty);

        await ReadAsync(filter, 0, 10);

        Assert.Contains(("zeroes", 0, 64), empty.Requests);
    }

    [Fact]
    public async Task A_copy_does_not_undo_a_write_that_comes_while_it_is_stored()
    {
        await using var filter = await OpenAsync();
        var stored = new TaskCompletionSource();
        _image.BeforeCopyIsStored = () => stored.Task;
        var reading = ReadAsync(filter, 0, 64);

        var writing = filter.WriteAsync(10, new byte[] { 1, 2, 3 }, WriteFlags.None, default).AsTask();
        stored.SetResult();
        await reading;
        await writing;

        Assert.Equal([1, 2, 3], [_image[10], _image[11], _image[12]]);
    }

    [Fact]
    public async Task A_prefetch_copies_and_leaves_the_target_as_it_is()
    {
        await using var filter = await OpenAsync();
        var target = new byte[200];

        await filter.ReadAsync(0, target, ReadFlags.Prefetch, default);

        Assert.All(target, b => Assert.Equal(0, b));
        Assert.Equal(4, _image.OwnClusters);
    }

    [Fact]
    public async Task A_filter_that_only_reads_copies_nothing()
    {
        await using var filter = await OpenAsync(readOnly: true);

        await ReadAsync(filter, 0, 64);

        Assert.Equal([("read", 0, 64)], _image.Requests);
    }

    [Fact]
    public async Task Nobody_else_may_write_the_image()
    {
        await using var filter = await OpenAsync();

        var permissions = filter.GetChildPermissions(_image, new(BlockPermissions.ConsistentRead, BlockPermissions.All));

        Assert.Equal(BlockPermissions.ConsistentRead | BlockPermissions.WriteUnchanged, permissions.Needed);
        Assert.Equal(BlockPermissions.All & ~BlockPermissions.Write, permissions.Shared);
    }

    private static async Task<byte[]> ReadAsync(BlockNode filter, long offset, int length)
    {
        var target = new byte[length];
        await filter.ReadAsync(offset, target, ReadFlags.None, default);
        return target;
    }

    private ValueTask<BlockNode> OpenAsync(LayeredChild? image = null, bool readOnly = false)
    {
        BlockDriver? driver = null;
        var registry = new Mock<IPluginRegistry>();
        registry.Setup(r => r.Add(It.IsAny<BlockDriver>())).Callback((IProvided added) => driver = (BlockDriver)added);
        new CopyOnReadPlugin().Register(registry.Object);
        var context = new TestNodeContext(new TestPluginHost()) { ReadOnly = readOnly };
        context.Children["file"] = image ?? _image;
        using var options = JsonDocument.Parse("""{"file":"file"}""");
        return driver!.OpenAsync(context, options.RootElement, default);
    }
}
