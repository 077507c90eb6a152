// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Blkverify;

namespace BlockHost.Filter.Blkverify.Tests;

/// <summary>Every kind of request, over two images that are alike and over two that are not.</summary>
public sealed class BlkverifyNodeTests
{
    private const int Length = 1 << 20;
    private static readonly JsonElement Options = JsonDocument.Parse("""{"test":"test","raw":"raw"}""").RootElement;

    private readonly BlockDriver _driver = PluginContents.Of(new BlkverifyPlugin()).Driver("blkverify");
    private readonly TestNodeContext _context = new(new TestPluginHost());
    private readonly MemoryImage _test = new(Length);
    private readonly MemoryImage _raw = new(Length);
    private readonly FailurePlan _testFails = new();
    private readonly FailurePlan _rawFails = new();

    public BlkverifyNodeTests()
    {
        _context.Children["test"] = new FailingChild(new MemoryChild(_test, "test", BlockChildRole.Data), _testFails);
        _context.Children["raw"] = new FailingChild(new MemoryChild(_raw, "raw"), _rawFails);
    }

    [Fact]
    public async Task Writes_and_zeroes_reach_both_images()
    {
        await using var node = await OpenAsync();

        await WriteAsync(node, 4096, 8192, 7);
        await node.WriteZeroesAsync(8192, 1000, ZeroFlags.None, default);

        foreach (var image in (MemoryImage[])[_test, _raw])
        {
            Assert.Equal([7, 7, 0], (byte[])[.. image.Read(4096, 1), .. image.Read(8191, 2)]);
            Assert.Equal([0, 7], image.Read(9191, 2));
        }
    }

    [Fact]
    public async Task A_read_gives_what_both_hold()
    {
        await using var node = await OpenAsync();
        await WriteAsync(node, 100, 5, 9);

        Assert.Equal([0, 9, 9, 9, 9, 9, 0], await ReadAsync(node, 99, 7));
    }

    [Theory]
    [InlineData(8192, 4096, 8192)]
    [InlineData(6144, 8192, 8192)]
    [InlineData(0, 8193, 8192)]
    public async Task A_read_over_a_byte_that_differs_names_it(int offset, int bytes, int at)
    {
        _raw.Write(8192, (byte[])[1]);
        await using var node = await OpenAsync();

        await FailsAsync(
            $"blkverify: read offset={offset} bytes={bytes} contents mismatch at offset {at}",
            () => ReadAsync(node, offset, bytes));
    }

    [Fact]
    public async Task What_differs_beside_a_read_does_not_matter()
    {
        _raw.Write(8192, (byte[])[1]);
        await using var node = await OpenAsync();

        await ReadAsync(node, 0, 8192);
        await ReadAsync(node, 8193, 100);

        Assert.Empty(_context.Corruptions);
    }

    [Fact]
    public async Task After_a_difference_nothing_is_done_any_more()
    {
        _raw.Write(0, (byte[])[1]);
        await using var node = await OpenAsync();
        const string message = "blkverify: read offset=0 bytes=512 contents mismatch at offset 0";
        await FailsAsync(message, () => ReadAsync(node, 0, 512));

        await FailsAsync(message, () => ReadAsync(node, 4096, 512));
        await FailsAsync(message, () => WriteAsync(node, 0, 512, 1));
        await FailsAsync(message, () => node.WriteZeroesAsync(0, 512, ZeroFlags.None, default).AsTask());
        await FailsAsync(message, () => node.FlushAsync(default).AsTask());
        await FailsAsync(message, () => ((IResizable)node).ResizeAsync(Length / 2, default, default).AsTask());
        Assert.Equal([message], _context.Corruptions);
        Assert.Equal([1], _raw.Read(0, 1));
    }

    [Fact]
    public async Task One_failing_is_a_difference_of_any_request()
    {
        _testFails.FailWhen = operation => operation.Kind != ChildOperationKind.Flush;
        _testFails.Kind = BlockErrorKind.NoSpace;
        foreach (var (kind, request) in Requests())
        {
            await using var node = await OpenAsync();
            await FailsAsync($"blkverify: {kind} offset=512 bytes=1024 return value mismatch -28 != 0", () => request(node));
        }

        (_testFails.FailWhen, _rawFails.FailWhen) = (null, _ => true);
        foreach (var (kind, request) in Requests())
        {
            await using var node = await OpenAsync();
            await FailsAsync($"blkverify: {kind} offset=512 bytes=1024 return value mismatch 0 != -5", () => request(node));
        }
    }

    [Fact]
    public async Task Both_failing_alike_is_an_error_and_no_difference()
    {
        (_testFails.FailWhen, _rawFails.FailWhen) = (_ => true, _ => true);
        await using var node = await OpenAsync();

        foreach (var (_, request) in Requests())
            Assert.StartsWith(
                "Injected", (await Assert.ThrowsAsync<BlockException>(() => request(node))).Message, StringComparison.Ordinal);

        (_testFails.FailWhen, _rawFails.FailWhen) = (null, null);
        await ReadAsync(node, 0, 512);
        Assert.Empty(_context.Corruptions);
    }

    [Fact]
    public async Task A_flush_fails_where_the_tested_image_does_and_reaches_the_copy_as_well()
    {
        await using var node = await OpenAsync();
        _rawFails.FailWhen = operation => operation.Kind == ChildOperationKind.Flush;
        await node.FlushAsync(default);
        Assert.NotNull(_rawFails.Failed);

        _testFails.FailWhen = operation => operation.Kind == ChildOperationKind.Flush;
        await Assert.ThrowsAsync<BlockException>(async () => await node.FlushAsync(default));
        Assert.Empty(_context.Corruptions);
    }

    [Fact]
    public async Task Both_images_are_resized_or_none()
    {
        await using var node = await OpenAsync();
        await ((IResizable)node).ResizeAsync(2 * Length, default, default);
        Assert.Equal((2 * Length, 2 * Length, 2 * Length), (node.Profile.Length, _test.Length, _raw.Length));

        _testFails.FailWhen = operation => operation.Kind == ChildOperationKind.Resize;
        await Assert.ThrowsAsync<BlockException>(async () => await ((IResizable)node).ResizeAsync(3 * Length, default, default));

        Assert.Equal((2 * Length, 2 * Length), (_test.Length, _raw.Length));
    }

    [Fact]
    public async Task Its_length_is_the_tested_images_and_what_the_copy_lacks_is_zeroes()
    {
        _raw.Resize(Length / 2);
        await using var node = await OpenAsync();
        Assert.Equal(Length, node.Profile.Length);

        Assert.Equal(new byte[512], await ReadAsync(node, Length - 512, 512));
        _test.Write(Length - 1, (byte[])[1]);
        await FailsAsync(
            $"blkverify: read offset={Length - 512} bytes=512 contents mismatch at offset {Length - 1}",
            () => ReadAsync(node, Length - 512, 512));
    }

    [Fact]
    public async Task Status_is_the_copys()
    {
        await using var node = await OpenAsync();
        var status = await node.GetStatusAsync(512, 1024, StatusPrecision.WantZero, default);
        Assert.Equal((512L, 1024L, "raw"), (status.HostOffset, status.Bytes, status.Source!.Name));
    }

    [Fact]
    public async Task A_name_opens_it_again()
    {
        await using var node = await OpenAsync();
        Assert.Equal("blkverify:memory:raw:memory:test", node.FileName);
    }

    [Theory]
    [InlineData("blkverify:a.raw:b.qcow2", """{"raw":{"filename":"a.raw"},"test":{"filename":"b.qcow2"}}""")]
    [InlineData("blkverify:a.raw:nbd:localhost:1", """{"raw":{"filename":"a.raw"},"test":{"filename":"nbd:localhost:1"}}""")]
    public void A_name_holds_the_copy_and_the_image(string name, string options)
    {
        Assert.True(_driver.TryParseFileName(name, out var parsed));
        Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(options).RootElement, parsed.Value));
    }

    [Theory]
    [InlineData("blkverify:")]
    [InlineData("blkverify:a.raw")]
    public void A_name_without_an_image_is_refused(string name)
    {
        var error = Assert.Throws<BlockException>(() => _driver.TryParseFileName(name, out _));
        Assert.Equal("blkverify requires raw copy and original image path", error.Message);
    }

    private static IEnumerable<(string Kind, Func<BlockNode, Task> Request)> Requests() =>
    [
        ("read", node => ReadAsync(node, 512, 1024)),
        ("write", node => WriteAsync(node, 512, 1024, 1)),
        ("write", node => node.WriteZeroesAsync(512, 1024, ZeroFlags.MayUnmap, default).AsTask()),
    ];

    private static async Task FailsAsync(string message, Func<Task> request)
    {
        var error = await Assert.ThrowsAsync<BlockException>(request);
        Assert.Equal((message, Errno.EIO), (error.Message, error.Errno));
    }

    private static async Task<byte[]> ReadAsync(BlockNode node, long offset, int bytes)
    {
        var data = new byte[bytes];
        await node.ReadAsync(offset, data, ReadFlags.None, default);
        return data;
    }

    private static async Task WriteAsync(BlockNode node, long offset, int bytes, byte pattern)
    {
        var data = new byte[bytes];
        data.AsSpan().Fill(pattern);
        await node.WriteAsync(offset, data, WriteFlags.None, default);
    }

    private async Task<BlockNode> OpenAsync() => await _driver.OpenAsync(_context, Options, default);
}
