// SPDX-License-Identifier: MIT
namespace BlockHost.Block.File.Tests;

/// <summary>A file system in memory lacks some operations that disks have; what is left must still be right.</summary>
public sealed class OtherFileSystemTests : IDisposable
{
    private const int Block = 64 * 1024;

    private readonly FileFixture _files = new();
    private readonly string _path = $"/dev/shm/blockhost-{Guid.NewGuid():N}.img";

    [SkippableTheory]
    [InlineData(ZeroFlags.None)]
    [InlineData(ZeroFlags.MayUnmap)]
    [InlineData(ZeroFlags.NoFallback)]
    public async Task Zeroes_are_made_with_what_the_file_system_has(ZeroFlags flags)
    {
        await using var node = await OpenAsync();
        await node.WriteAsync(0, FileFixture.Pattern(4 * Block), WriteFlags.None, default);
        await node.WriteZeroesAsync(Block, Block, flags, default);
        await node.WriteZeroesAsync(4 * Block, Block, flags, default);
        await node.FlushAsync(default);
        var expected = new byte[5 * Block];
        FileFixture.Pattern(4 * Block).CopyTo(expected, 0);
        expected.AsSpan(Block, Block).Clear();
        Assert.Equal(expected, System.IO.File.ReadAllBytes(_path));
        var read = new byte[5 * Block];
        await node.ReadAsync(0, read, ReadFlags.None, default);
        Assert.Equal(expected, read);
    }

    [SkippableFact]
    public async Task Holes_are_told_from_data()
    {
        await using var node = await OpenAsync();
        await node.WriteAsync(Block, new byte[Block], WriteFlags.None, default);
        var hole = await node.GetStatusAsync(0, 2 * Block, StatusPrecision.WantZero, default);
        var data = await node.GetStatusAsync(Block, Block, StatusPrecision.WantZero, default);
        Assert.True(hole.Flags.HasFlag(BlockStatusFlags.Zero));
        Assert.Equal(Block, hole.Bytes);
        Assert.True(data.Flags.HasFlag(BlockStatusFlags.Data));
    }

    public void Dispose()
    {
        System.IO.File.Delete(_path);
        _files.Dispose();
    }

    private async Task<BlockNode> OpenAsync()
    {
        Skip.IfNot(Directory.Exists("/dev/shm"), "no file system in memory");
        System.IO.File.WriteAllBytes(_path, []);
        return await _files.OpenAsync(_path);
    }
}
