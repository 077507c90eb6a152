// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Block.File.Tests;

/// <summary>Holes, zeroes, discards, status, size and creation of regular files.</summary>
public sealed class SpaceTests : IDisposable
{
    private const int Block = 64 * 1024;

    private readonly FileFixture _files = new();

    [Fact]
    public async Task Status_tells_data_from_holes()
    {
        var path = _files.CreateFile(4 * Block);
        WriteAt(path, Block, FileFixture.Pattern(Block));
        await using var node = await _files.OpenAsync(path);
        Assert.Equal((Block, false), await StatusAsync(node, 0, 4 * Block));
        Assert.Equal((Block, true), await StatusAsync(node, Block, 3 * Block));
        Assert.Equal((2 * Block, false), await StatusAsync(node, 2 * Block, 2 * Block));
        Assert.Equal((1000, true), await StatusAsync(node, Block + 24, 1000));
    }

    [Fact]
    public async Task Status_marks_the_end_and_gives_the_offset_in_the_file()
    {
        await using var node = await _files.OpenAsync(_files.CreateData(Block));
        var status = await node.GetStatusAsync(512, Block - 512, StatusPrecision.WantZero, default);
        Assert.Equal(512, status.HostOffset);
        Assert.Equal(
            BlockStatusFlags.Data | BlockStatusFlags.Allocated | BlockStatusFlags.OffsetValid | BlockStatusFlags.Eof,
            status.Flags);
    }

    [Fact]
    public async Task Where_only_allocation_matters_the_whole_file_is_data()
    {
        await using var node = await _files.OpenAsync(_files.CreateFile(4 * Block));
        var status = await node.GetStatusAsync(0, 4 * Block, StatusPrecision.AllocationOnly, default);
        Assert.Equal(4 * Block, status.Bytes);
        Assert.True(status.Flags.HasFlag(BlockStatusFlags.Data));
    }

    [Fact]
    public async Task A_discard_takes_back_space_and_is_seen_by_the_next_status()
    {
        var path = _files.CreateData(4 * Block);
        await using var node = await _files.OpenAsync(path);
        Assert.Equal((4 * Block, true), await StatusAsync(node, 0, 4 * Block));
        var before = await AllocatedAsync(node);
        await node.DiscardAsync(Block, Block, default);
        Assert.Equal((Block, true), await StatusAsync(node, 0, 4 * Block));
        Assert.Equal((Block, false), await StatusAsync(node, Block, 3 * Block));
        Assert.Equal(before - Block, await AllocatedAsync(node));
        Assert.Equal(4 * Block, new FileInfo(path).Length);
    }

    [Fact]
    public async Task Discards_are_counted_with_their_bytes()
    {
        await using var node = await _files.OpenAsync(_files.CreateData(4 * Block));
        await node.DiscardAsync(Block, Block, default);
        await node.DiscardAsync(2 * Block, 2 * Block, default);
        await node.WriteZeroesAsync(0, Block, ZeroFlags.MayUnmap, default);
        Assert.True(node.TryGetFacet<IDriverStatistics>(out var statistics));
        Assert.Equal(
            """{"discard-nb-ok":2,"discard-nb-failed":0,"discard-bytes-ok":196608}""",
            statistics.GetStatistics().GetRawText());
    }

    [Fact]
    public async Task Discards_are_offered_only_where_the_user_allows_them()
    {
        var path = _files.CreateFile(Block);
        await using var kept = await _files.OpenAsync(path, flags: f => f.Unmap = false);
        await using var unmapped = await _files.OpenAsync(path, flags: f => f.Unmap = true);
        Assert.Equal(Support.None, kept.Profile.Discard);
        Assert.Equal(Support.Native, unmapped.Profile.Discard);
    }

    [Theory]
    [InlineData(ZeroFlags.None, false)]
    [InlineData(ZeroFlags.NoFallback, false)]
    [InlineData(ZeroFlags.MayUnmap, true)]
    public async Task Zeroes_stay_allocated_unless_they_may_be_unmapped(ZeroFlags flags, bool unmapped)
    {
        var path = _files.CreateData(4 * Block);
        await using var node = await _files.OpenAsync(path);
        var before = await AllocatedAsync(node);
        await node.WriteZeroesAsync(Block, Block, flags, default);
        Assert.Equal(unmapped ? before - Block : before, await AllocatedAsync(node));
        var expected = FileFixture.Pattern(4 * Block);
        expected.AsSpan(Block, Block).Clear();
        Assert.Equal(expected, System.IO.File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData(ZeroFlags.None)]
    [InlineData(ZeroFlags.MayUnmap)]
    public async Task Zeroes_past_the_end_grow_the_file(ZeroFlags flags)
    {
        var path = _files.CreateData(1000);
        await using var node = await _files.OpenAsync(path);
        await node.WriteZeroesAsync(500, 2000, flags, default);
        Assert.Equal(2500, new FileInfo(path).Length);
        Assert.Equal(2560, node.Profile.Length);
        var content = System.IO.File.ReadAllBytes(path);
        Assert.Equal(FileFixture.Pattern(1000)[..500], content[..500]);
        Assert.Equal(new byte[2000], content[500..]);
    }

    [Theory]
    [InlineData(PreallocationMode.Off, 0)]
    [InlineData(PreallocationMode.Falloc, 3 * Block)]
    [InlineData(PreallocationMode.Full, 3 * Block)]
    public async Task Growing_gives_zeroes_with_or_without_space_for_them(PreallocationMode preallocation, long allocated)
    {
        var path = _files.CreateData(Block);
        await using var node = await _files.OpenAsync(path);
        var before = await AllocatedAsync(node);
        await ((IResizable)node).ResizeAsync(4 * Block, new ResizeOptions(preallocation), default);
        Assert.Equal(4 * Block, node.Profile.Length);
        Assert.Equal(allocated, await AllocatedAsync(node) - before);
        var content = System.IO.File.ReadAllBytes(path);
        Assert.Equal(FileFixture.Pattern(Block), content[..Block]);
        Assert.Equal(new byte[3 * Block], content[Block..]);
    }

    [Fact]
    public async Task Shrinking_cuts_the_file()
    {
        var path = _files.CreateData(Block);
        await using var node = await _files.OpenAsync(path);
        await ((IResizable)node).ResizeAsync(512, default, default);
        Assert.Equal(512, node.Profile.Length);
        Assert.Equal(FileFixture.Pattern(Block)[..512], System.IO.File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData(512, PreallocationMode.Full, "Cannot use preallocation for shrinking files")]
    [InlineData(2 * Block, PreallocationMode.Metadata, "Unsupported preallocation mode: metadata")]
    [InlineData(-1, PreallocationMode.Off, "Image size cannot be negative")]
    public async Task Impossible_resizes_leave_the_file_as_it_is(long length, PreallocationMode preallocation, string text)
    {
        var path = _files.CreateData(Block);
        await using var node = await _files.OpenAsync(path);
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await ((IResizable)node).ResizeAsync(length, new ResizeOptions(preallocation), default));
        Assert.Equal(text, e.Message);
        Assert.Equal(FileFixture.Pattern(Block), System.IO.File.ReadAllBytes(path));
    }

    [Fact]
    public async Task Space_that_is_not_there_leaves_the_old_size()
    {
        var path = _files.CreateData(Block);
        await using var node = await _files.OpenAsync(path);
        var e = await Assert.ThrowsAsync<BlockException>(async () =>
            await ((IResizable)node).ResizeAsync(1L << 44, new ResizeOptions(PreallocationMode.Falloc), default));
        Assert.StartsWith("Could not preallocate new data", e.Message);
        Assert.Equal(Block, new FileInfo(path).Length);
        Assert.Equal(Block, node.Profile.Length);
    }

    [Theory]
    [InlineData("off", 4096)]
    [InlineData("falloc", Block)]
    [InlineData("full", Block)]
    public async Task Creating_makes_a_file_of_zeroes(string preallocation, long allocated)
    {
        var path = _files.PathOf("new.img");
        await _files.CreateImageAsync(
            $$"""{"filename":"{{path}}","size":{{Block}},"preallocation":"{{preallocation}}","nocow":true,"extent-size-hint":65536}""");
        Assert.Equal(new byte[Block], System.IO.File.ReadAllBytes(path)[..]);
        await using var node = await _files.OpenAsync(path);
        Assert.Equal(allocated, await AllocatedAsync(node));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1L << 32)]
    public async Task An_extent_size_that_no_file_system_can_hold_is_refused(long hint)
    {
        var path = _files.PathOf("new.img");
        await Assert.ThrowsAsync<BlockException>(
            () => _files.CreateImageAsync($$"""{"filename":"{{path}}","size":1024,"extent-size-hint":{{hint}}}"""));
        Assert.False(System.IO.File.Exists(path));
    }

    [Fact]
    public async Task Creating_over_an_image_leaves_nothing_of_it()
    {
        var path = _files.CreateData(Block);
        await _files.CreateImageAsync($$"""{"filename":"{{path}}","size":1024}""");
        Assert.Equal(new byte[1024], System.IO.File.ReadAllBytes(path));
    }

    [Fact]
    public async Task Creating_over_an_image_in_use_is_refused_and_leaves_it()
    {
        var path = _files.CreateData(Block);
        await using var node = await _files.OpenAsync(path);
        await node.PreparePermissionsAsync(
            new BlockPermissionSet(BlockPermissions.ConsistentRead, BlockPermissions.All & ~BlockPermissions.Resize), default);
        node.CommitPermissions();
        var e = await Assert.ThrowsAsync<BlockException>(
            () => _files.CreateImageAsync($$"""{"filename":"{{path}}","size":1024}"""));
        Assert.StartsWith("Failed to get \"resize\" lock", e.Message);
        Assert.Equal(FileFixture.Pattern(Block), System.IO.File.ReadAllBytes(path));
    }

    [Fact]
    public async Task A_file_that_could_not_be_made_whole_is_gone_again()
    {
        var path = _files.PathOf("huge.img");
        await Assert.ThrowsAsync<BlockException>(
            () => _files.CreateImageAsync($$"""{"filename":"{{path}}","size":{{1L << 44}},"preallocation":"falloc"}"""));
        Assert.False(System.IO.File.Exists(path));
    }

    [Fact]
    public async Task Creating_where_there_is_no_folder_or_only_one_is_refused()
    {
        var missing = _files.PathOf("no/x");
        var e = await Assert.ThrowsAsync<BlockException>(
            () => _files.CreateImageAsync($$"""{"filename":"{{missing}}","size":1024}"""));
        Assert.Equal($"Could not create '{missing}': No such file or directory", e.Message);
        e = await Assert.ThrowsAsync<BlockException>(
            () => _files.CreateImageAsync($$"""{"filename":"{{_files.Folder}}","size":1024}"""));
        Assert.Equal($"Could not create '{_files.Folder}': Is a directory", e.Message);
        e = await Assert.ThrowsAsync<BlockException>(() => _files.CreateImageAsync("""{"filename":"/dev/zero","size":1024}"""));
        Assert.Equal("Could not resize file: Invalid argument", e.Message);
    }

    public void Dispose() => _files.Dispose();

    private static void WriteAt(string path, long offset, byte[] data)
    {
        using var file = System.IO.File.OpenHandle(path, access: FileAccess.Write);
        RandomAccess.Write(file, data, offset);
    }

    private static async Task<(long Bytes, bool IsData)> StatusAsync(BlockNode node, long offset, long bytes)
    {
        var status = await node.GetStatusAsync(offset, bytes, StatusPrecision.WantZero, default);
        Assert.NotEqual(status.Flags.HasFlag(BlockStatusFlags.Data), status.Flags.HasFlag(BlockStatusFlags.Zero));
        return (status.Bytes, status.Flags.HasFlag(BlockStatusFlags.Data));
    }

    private static async Task<long> AllocatedAsync(BlockNode node)
    {
        await node.FlushAsync(default);
        Assert.True(node.TryGetFacet<IImageInfo>(out var info));
        return (await info.GetFactsAsync(default)).AllocatedSize!.Value;
    }
}
