// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Preallocate;

namespace BlockHost.Filter.Preallocate.Tests;

/// <summary>Where the file ends, and where its users see it end.</summary>
public sealed class PreallocateTests
{
    private const int MiB = 1 << 20;
    private static readonly BlockPermissionSet Writer =
        new(BlockPermissions.ConsistentRead | BlockPermissions.Write | BlockPermissions.Resize, BlockPermissions.All);

    private static readonly BlockPermissionSet Reader = new(BlockPermissions.ConsistentRead, BlockPermissions.All);

    private readonly BlockDriver _driver = PluginContents.Of(new PreallocatePlugin()).Driver("preallocate");
    private readonly TestNodeContext _context = new(new TestPluginHost());
    private readonly MemoryImage _file = new(MiB);
    private readonly FailurePlan _fails = new();
    private readonly RecordingOfZeroes _child;

    public PreallocateTests() => _context.Children["file"] = _child = new RecordingOfZeroes(new FailingChild(
        new MemoryChild(_file, "file", BlockChildRole.Filtered | BlockChildRole.Primary), _fails));

    [Fact]
    public async Task A_write_behind_the_end_takes_space_ahead_and_users_see_the_datas_end()
    {
        await using var node = await OpenAsync();
        await WriteAsync(node, MiB, 1000);
        Assert.Equal((6 * MiB, MiB + 1000), (_file.Length, node.Profile.Length));

        await WriteAsync(node, MiB + 1000, 1000);
        Assert.Equal((6 * MiB, MiB + 2000), (_file.Length, node.Profile.Length));
        Assert.Equal([(ChildOperationKind.WriteZeroes, MiB, 5L * MiB)], _child.Zeroes);
    }

    [Fact]
    public async Task A_write_inside_takes_nothing()
    {
        await using var node = await OpenAsync();
        await WriteAsync(node, 0, MiB);
        Assert.Equal(MiB, _file.Length);
    }

    [Fact]
    public async Task Zeroes_in_what_was_taken_ahead_cost_nothing()
    {
        await using var node = await OpenAsync();
        await WriteAsync(node, MiB, 512);

        await node.WriteZeroesAsync(MiB + 512, 4096, ZeroFlags.None, default);
        await node.WriteZeroesAsync(2 * MiB, MiB, ZeroFlags.NoFallback, default);

        Assert.Single(_child.Zeroes);
        Assert.Equal(3 * MiB, node.Profile.Length);
        Assert.Equal(new byte[4096], await ReadAsync(node, MiB + 512, 4096));
    }

    [Fact]
    public async Task Zeroes_over_data_or_that_may_become_a_hole_are_written()
    {
        await using var node = await OpenAsync();
        await WriteAsync(node, MiB, 512);
        await WriteAsync(node, MiB + 8192, 512);

        await node.WriteZeroesAsync(MiB + 8192, 1024, ZeroFlags.None, default);
        await node.WriteZeroesAsync(2 * MiB, 512, ZeroFlags.MayUnmap, default);

        Assert.Equal([5L * MiB, 1024, 512], _child.Zeroes.Select(zeroes => zeroes.Bytes));
        Assert.Equal(new byte[1024], await ReadAsync(node, MiB + 8192, 1024));
    }

    [Theory]
    [InlineData("reader")]
    [InlineData("close")]
    [InlineData("reopen")]
    public async Task What_the_data_do_not_reach_goes_back(string when)
    {
        var node = await OpenAsync();
        await WriteAsync(node, MiB, 1000);
        if (when == "reader")
            await SetPermissionsAsync(node, Reader);
        else if (when == "reopen")
            (await ((IReopenable)node).PrepareReopenAsync(_context, Options("{}"), default)).Commit();
        else
            await node.DisposeAsync();

        Assert.Equal(MiB + 1000, _file.Length);
        if (when == "reopen")
        {
            await WriteAsync(node, 2 * MiB, 512);
            Assert.Equal(131 * MiB, _file.Length);
        }
    }

    [Fact]
    public async Task Space_that_cannot_be_taken_ahead_fails_no_write()
    {
        await using var node = await OpenAsync();
        _fails.FailWhen = operation => operation.Kind == ChildOperationKind.WriteZeroes;
        await WriteAsync(node, MiB, 1000);
        Assert.Equal((MiB + 1000, MiB + 1000), (_file.Length, node.Profile.Length));

        _fails.FailWhen = null;
        await WriteAsync(node, MiB + 1000, 1000);
        Assert.Equal(6 * MiB, _file.Length);
    }

    [Fact]
    public async Task A_write_that_fails_leaves_the_datas_end()
    {
        await using var node = await OpenAsync();
        _fails.FailWhen = operation => operation.Kind == ChildOperationKind.Write;
        await Assert.ThrowsAsync<BlockException>(() => WriteAsync(node, MiB, 1000));
        Assert.Equal(MiB, node.Profile.Length);
    }

    [Fact]
    public async Task What_cannot_go_back_is_told()
    {
        var node = await OpenAsync();
        await WriteAsync(node, MiB, 1000);
        _fails.FailWhen = operation => operation.Kind == ChildOperationKind.Resize;

        var error = await Assert.ThrowsAsync<BlockException>(() => SetPermissionsAsync(node, Reader));

        Assert.StartsWith("Failed to drop preallocation: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2 * MiB, 6 * MiB)]
    [InlineData(7 * MiB, 7 * MiB)]
    [InlineData(MiB / 2, MiB / 2)]
    public async Task A_resize_inside_what_was_taken_moves_the_datas_end_only(int length, int fileLength)
    {
        await using var node = await OpenAsync();
        await WriteAsync(node, MiB, 1000);

        await ((IResizable)node).ResizeAsync(length, default, default);

        Assert.Equal((length, fileLength), (node.Profile.Length, _file.Length));
    }

    [Fact]
    public async Task Nothing_is_taken_for_who_may_not_resize()
    {
        await using var node = await _driver.OpenAsync(_context, Options("{}"), default);
        var permissions = new BlockPermissionSet(BlockPermissions.Write, BlockPermissions.All);
        await SetPermissionsAsync(node, permissions);
        await WriteAsync(node, MiB, 1000);

        Assert.Equal(MiB + 1000, _file.Length);
        Assert.Equal(BlockPermissions.All, node.GetChildPermissions(_child, permissions).Shared);
        Assert.Equal(
            BlockPermissions.ConsistentRead | BlockPermissions.WriteUnchanged, node.GetChildPermissions(_child, Writer).Shared);
    }

    [Fact]
    public async Task Writes_at_once_take_space_once()
    {
        await using var node = await OpenAsync();
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => Task.Run(() => WriteAsync(node, MiB + (i * 4096), 4096))));

        Assert.Equal(MiB + (100 * 4096), node.Profile.Length);
        Assert.Single(_child.Zeroes);
        Assert.Equal(Enumerable.Repeat((byte)1, 100 * 4096), await ReadAsync(node, MiB, 100 * 4096));
    }

    [Theory]
    [InlineData("""{"prealloc-align":100}""", "prealloc-align parameter of preallocate filter is not aligned to 512")]
    [InlineData("""{"prealloc-align":-512}""", "Parameter 'prealloc-align' expects a non-negative number below 2^64")]
    [InlineData("""{"prealloc-size":-1}""", "Parameter 'prealloc-size' expects a non-negative number below 2^64")]
    public async Task Numbers_that_make_no_sense_are_refused(string options, string message)
    {
        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await _driver.OpenAsync(_context, Options(options), default));
        Assert.Equal(message, error.Message);
    }

    [Fact]
    public async Task The_end_is_a_multiple_of_what_the_storage_needs()
    {
        _context.Children["file"] = new MemoryChild(_file) { Limits = new BlockLimits { RequestAlignment = 4096 } };
        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await _driver.OpenAsync(_context, Options("""{"prealloc-align":512}"""), default));
        Assert.Equal(
            "prealloc-align parameter of preallocate filter is not aligned to underlying node request alignment (4096)",
            error.Message);
    }

    private static JsonElement Options(string more)
    {
        var options = System.Text.Json.Nodes.JsonNode.Parse(more)!.AsObject();
        options["file"] = "file";
        return JsonDocument.Parse(options.ToJsonString()).RootElement;
    }

    private static async Task SetPermissionsAsync(BlockNode node, BlockPermissionSet permissions)
    {
        await node.PreparePermissionsAsync(permissions, default);
        node.CommitPermissions();
    }

    private static async Task WriteAsync(BlockNode node, long offset, int bytes)
    {
        var data = new byte[bytes];
        data.AsSpan().Fill(1);
        await node.WriteAsync(offset, data, WriteFlags.None, default);
    }

    private static async Task<byte[]> ReadAsync(BlockNode node, long offset, int bytes)
    {
        var data = new byte[bytes];
        await node.ReadAsync(offset, data, ReadFlags.None, default);
        return data;
    }

    /// <summary>With 4 MiB ahead, for somebody who writes and resizes.</summary>
    private async Task<BlockNode> OpenAsync()
    {
        var node = await _driver.OpenAsync(_context, Options($$"""{"prealloc-size":{{4 * MiB}}}"""), default);
        await SetPermissionsAsync(node, Writer);
        return node;
    }

    private sealed class RecordingOfZeroes(IBlockChild inner) : DelegatingChild(inner)
    {
        private readonly List<(ChildOperationKind Kind, long Offset, long Bytes)> _zeroes = [];

        public IReadOnlyList<(ChildOperationKind Kind, long Offset, long Bytes)> Zeroes => _zeroes;

        protected override ValueTask BeforeAsync(ChildOperation operation)
        {
            lock (_zeroes)
            {
                if (operation.Kind == ChildOperationKind.WriteZeroes)
                    _zeroes.Add((operation.Kind, operation.Offset, operation.Bytes));
            }

            return ValueTask.CompletedTask;
        }
    }
}
