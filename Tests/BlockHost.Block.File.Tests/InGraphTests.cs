// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Block.File.Tests;

/// <summary>The drivers under the host's own graph: alignment, growth, permissions and locks together.</summary>
public sealed class InGraphTests : IAsyncLifetime
{
    private const int Size = 2 << 20;

    private readonly FileFixture _files = new();
    private readonly FileGraph _graph = new();

    [Theory]
    [InlineData("'aio':'threads'")]
    [InlineData("'aio':'threads','cache':{'direct':true}")]
    [InlineData("'aio':'native','cache':{'direct':true}")]
    [InlineData("'aio':'io_uring','cache':{'direct':true}")]
    [InlineData("'aio':'io_uring'")]
    public async Task Random_requests_of_any_alignment_leave_what_a_plain_array_would_hold(string options)
    {
        var path = _files.CreateFile(Size + 4096);
        var model = new byte[Size];
        var node = await _graph.AddAsync(
            $"{{'driver':'raw','node-name':'disk','offset':4096,'discard':'unmap','file':{{'driver':'file','filename':'{path}','discard':'unmap',{options}}}}}");
        await using (var backend = await _graph.WriterAsync(node))
        await using (var queue = backend.OpenQueue())
        {
            var random = new Random(42);
            for (var i = 0; i < 200; i++)
                await StepAsync(queue, model, random);
            var all = new byte[Size];
            Assert.True((await queue.ReadAsync(0, all)).IsOk);
            Assert.Equal(model, all);
            Assert.True((await queue.FlushAsync()).IsOk);
        }

        Assert.Equal(model, System.IO.File.ReadAllBytes(path)[4096..]);
    }

    [Fact]
    public async Task Cached_requests_pass_all_layers_at_once_and_without_garbage()
    {
        var path = _files.CreateData(Size);
        var node = await _graph.AddAsync($"{{'driver':'raw','node-name':'disk','file':{{'driver':'file','filename':'{path}'}}}}");
        await using var backend = await _graph.WriterAsync(node);
        await using var queue = backend.OpenQueue();
        Memory<byte> buffer = new byte[4096];

        Assert.Equal(0, Allocations.Of(() =>
        {
            var read = queue.ReadAsync(4096, buffer);
            Assert.True(read.IsCompletedSuccessfully && read.Result.IsOk);
            var write = queue.WriteAsync(4096, buffer);
            Assert.True(write.IsCompletedSuccessfully && write.Result.IsOk);
        }));
    }

    [Fact]
    public async Task Two_nodes_that_both_want_a_file_for_themselves_conflict_by_its_lock()
    {
        var path = _files.CreateFile(Size);
        var first = await _graph.AddAsync($"{{'driver':'file','node-name':'first','filename':'{path}'}}");
        var second = await _graph.AddAsync($"{{'driver':'file','node-name':'second','filename':'{path}'}}");
        await using var one = await _graph.WriterAsync(first, BlockPermissions.All & ~BlockPermissions.Write);
        var e = await Assert.ThrowsAsync<BlockException>(() => _graph.WriterAsync(second));
        Assert.StartsWith("Failed to get \"write\" lock", e.Message);
        await one.DisposeAsync();
        await using var other = await _graph.WriterAsync(second, BlockPermissions.All & ~BlockPermissions.Write);
    }

    [Fact]
    public async Task Locks_follow_the_users_of_the_node()
    {
        var path = _files.CreateFile(Size);
        var node = await _graph.AddAsync($"{{'driver':'raw','node-name':'disk','file':{{'driver':'file','filename':'{path}'}}}}");
        Assert.Empty(LockingTests.LockedBytes(path));
        var backend = await _graph.WriterAsync(node, BlockPermissions.All & ~BlockPermissions.Resize);
        Assert.Equal([100, 101, 203], LockingTests.LockedBytes(path));
        await backend.DisposeAsync();
        Assert.Empty(LockingTests.LockedBytes(path));
    }

    [Fact]
    public async Task Writes_past_the_end_grow_the_file_where_the_user_may_resize()
    {
        var path = _files.CreateFile(4096);
        var node = await _graph.AddAsync($"{{'driver':'raw','node-name':'disk','file':{{'driver':'file','filename':'{path}'}}}}");
        await using var backend = await _graph.WriterAsync(node, resize: true);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.WriteAsync(8192, FileFixture.Pattern(4096))).IsOk);
        Assert.True((await queue.WriteZeroesAsync(16384, 4096)).IsOk);
        Assert.Equal(20480, node.Length);
        Assert.Equal(20480, new FileInfo(path).Length);
        await node.ResizeAsync(8192, new Facets.ResizeOptions(), default);
        Assert.Equal(8192, node.Length);
        Assert.Equal(8192, new FileInfo(path).Length);
    }

    [Fact]
    public async Task Sparse_files_show_their_holes_through_raw()
    {
        var path = _files.CreateFile(Size);
        var node = await _graph.AddAsync(
            $"{{'driver':'raw','node-name':'disk','offset':65536,'file':{{'driver':'file','filename':'{path}'}}}}");
        await using var backend = await _graph.WriterAsync(node);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.WriteAsync(65536, FileFixture.Pattern(65536))).IsOk);
        var hole = await queue.GetStatusAsync(0, Size - 65536);
        var data = await queue.GetStatusAsync(65536, Size - 131072);
        Assert.True(hole.Flags.HasFlag(BlockStatusFlags.Zero));
        Assert.Equal(65536, hole.Bytes);
        Assert.True(data.Flags.HasFlag(BlockStatusFlags.Data));
        Assert.Equal((65536, 131072), (data.Bytes, data.HostOffset));
    }

    [Fact]
    public async Task Reopening_read_only_takes_writing_away_and_gives_it_back()
    {
        var path = _files.CreateFile(Size);
        await _graph.AddAsync($"{{'driver':'file','node-name':'disk','filename':'{path}'}}");
        Assert.True(_graph.Graph.TryGetNode("disk", out var node));
        await ReopenAsync($"{{'driver':'file','node-name':'disk','filename':'{path}','read-only':true}}");
        Assert.True(node.ReadOnly);
        await Assert.ThrowsAnyAsync<Exception>(() => _graph.WriterAsync(node));
        await ReopenAsync($"{{'driver':'file','node-name':'disk','filename':'{path}'}}");
        await using var backend = await _graph.WriterAsync(node);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.WriteAsync(0, new byte[] { 5 })).IsOk);
        Assert.Equal(5, System.IO.File.ReadAllBytes(path)[0]);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _graph.DisposeAsync();
        _files.Dispose();
    }

    private static async Task StepAsync(IBlockQueue queue, byte[] model, Random random)
    {
        var alignment = 1 << random.Next(13);
        var offset = random.Next(Size) / alignment * alignment;
        var bytes = Math.Min(Size - offset, Math.Max(1, random.Next(200_000) / alignment * alignment));
        switch (random.Next(6))
        {
            case 0:
                Assert.True((await queue.WriteZeroesAsync(
                    offset, bytes, random.Next(2) == 0 ? ZeroFlags.MayUnmap : ZeroFlags.None)).IsOk);
                model.AsSpan(offset, bytes).Clear();
                break;
            case 1:
                Assert.True((await queue.DiscardAsync(offset, bytes)).IsOk);
                var after = new byte[bytes];
                Assert.True((await queue.ReadAsync(offset, after)).IsOk);
                after.CopyTo(model, offset);
                break;
            case 2:
                var read = new byte[bytes];
                Assert.True((await queue.ReadAsync(offset, read)).IsOk);
                Assert.True(read.AsSpan().SequenceEqual(model.AsSpan(offset, bytes)), $"read of {bytes} at {offset}");
                break;
            default:
                var data = FileFixture.Pattern(bytes, random.Next());
                Assert.True((await queue.WriteAsync(offset, data, random.Next(4) == 0 ? WriteFlags.Fua : WriteFlags.None)).IsOk);
                data.CopyTo(model, offset);
                break;
        }
    }

    private async Task ReopenAsync(string json) =>
        await _graph.Graph.ReopenAsync([System.Text.Json.JsonDocument.Parse(json.Replace('\'', '"')).RootElement], default);
}
