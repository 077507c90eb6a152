// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Compress;
using Moq;

namespace BlockHost.Filter.Compress.Tests;

/// <summary>What reaches the image. That it is stored as QEMU's the differential cases prove.</summary>
public sealed class CompressTests
{
    private readonly BlockDriver _driver = PluginContents.Of(new CompressPlugin()).Driver("compress");
    private readonly TestNodeContext _context = new(new TestPluginHost());
    private readonly Mock<IBlockChild> _child = new();

    public CompressTests()
    {
        var info = Mock.Of<IImageInfo>(
            info => info.GetFactsAsync(default) == new ValueTask<ImageFacts>(new ImageFacts { ClusterSize = 65536 }));
        _child.Setup(child => child.Profile).Returns(new BlockProfile { Length = 100_000, Writable = true });
        _child.Setup(child => child.Length).Returns(100_000);
        _child.Setup(child => child.TryGetFacet(out info)).Returns(true);
        _context.Children["file"] = _child.Object;
    }

    [Fact]
    public async Task Writes_are_compressed_and_whole_clusters()
    {
        await using var node = await OpenAsync();
        Assert.Equal(65536, node.Profile.Limits.RequestAlignment);

        await node.WriteAsync(65536, new byte[512], WriteFlags.Unchanged, default);

        _child.Verify(
            child => child.WriteAsync(65536, It.IsAny<IoSlice>(), WriteFlags.Unchanged | WriteFlags.Compressed, default),
            Times.Once);
    }

    [Fact]
    public async Task Other_requests_are_the_images()
    {
        await using var node = await OpenAsync();
        await node.WriteZeroesAsync(0, 65536, ZeroFlags.MayUnmap, default);
        await node.ReadAsync(0, new byte[512], ReadFlags.None, default);
        await node.DiscardAsync(0, 65536, default);

        _child.Verify(child => child.WriteZeroesAsync(0, 65536, ZeroFlags.MayUnmap, default), Times.Once);
        _child.Verify(child => child.ReadAsync(0, It.IsAny<IoSlice>(), ReadFlags.None, default), Times.Once);
        _child.Verify(child => child.DiscardAsync(0, 65536, default), Times.Once);
    }

    [Theory]
    [InlineData(
        BlockPermissions.Write,
        "Cannot get 'write' permission without 'resize': Image size is not a multiple of request alignment")]
    [InlineData(
        BlockPermissions.WriteUnchanged,
        "Cannot get 'write-unchanged' permission without 'resize': Image size is not a multiple of request alignment")]
    [InlineData(BlockPermissions.Write | BlockPermissions.Resize, null)]
    [InlineData(BlockPermissions.ConsistentRead, null)]
    public async Task An_image_that_ends_inside_a_cluster_is_not_written(BlockPermissions needed, string? message)
    {
        await using var node = await OpenAsync();
        var error = await Record.ExceptionAsync(
            async () => await node.PreparePermissionsAsync(new(needed, BlockPermissions.All), default));
        Assert.Equal(message, error?.Message);
    }

    [Fact]
    public async Task A_plain_name_does_not_say_it_all()
    {
        await using var node = await OpenAsync();
        Assert.Null(node.FileName);
    }

    private async Task<BlockNode> OpenAsync() =>
        await _driver.OpenAsync(_context, JsonDocument.Parse("""{"file":"file"}""").RootElement, default);
}
