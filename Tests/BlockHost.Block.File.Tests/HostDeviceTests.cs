// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Block.File.Tests;

/// <summary>The driver host_device on a loop device over a temporary file.</summary>
public sealed class HostDeviceTests : IDisposable
{
    private const int Size = 4 << 20;
    private const int Block = 64 * 1024;

    private readonly FileFixture _files = new();
    private readonly List<string> _loops = [];

    [SkippableFact]
    public async Task A_device_is_read_and_written_and_keeps_its_size()
    {
        var (device, file) = await CreateLoopAsync();
        var written = FileFixture.Pattern(Block);
        await using (var node = await _files.OpenAsync(device, driver: "host_device"))
        {
            Assert.Equal(Size, node.Profile.Length);
            Assert.False(node.Profile.Growable);
            await node.WriteAsync(Block, written, WriteFlags.Fua, default);
            await node.FlushAsync(default);
            var read = new byte[Block];
            await node.ReadAsync(Block, read, ReadFlags.None, default);
            Assert.Equal(written, read);
        }

        Assert.Equal(written, System.IO.File.ReadAllBytes(file)[Block..(2 * Block)]);
    }

    [SkippableTheory]
    [InlineData(ZeroFlags.None)]
    [InlineData(ZeroFlags.MayUnmap)]
    public async Task Zeroes_and_discards_reach_the_device(ZeroFlags flags)
    {
        var (device, file) = await CreateLoopAsync();
        await using var node = await _files.OpenAsync(device, driver: "host_device");
        await node.WriteAsync(0, FileFixture.Pattern(8 * Block), WriteFlags.None, default);
        await node.FlushAsync(default);
        await node.WriteZeroesAsync(Block, Block, flags, default);
        await node.DiscardAsync(4 * Block, 2 * Block, default);
        await node.FlushAsync(default);
        var expected = FileFixture.Pattern(8 * Block);
        expected.AsSpan(Block, Block).Clear();
        expected.AsSpan(4 * Block, 2 * Block).Clear();
        var read = new byte[8 * Block];
        await node.ReadAsync(0, read, ReadFlags.None, default);
        Assert.Equal(expected, read);
        Assert.Equal(expected, System.IO.File.ReadAllBytes(file)[..(8 * Block)]);
    }

    [SkippableFact]
    public async Task Cheap_zeroes_are_refused_where_the_device_might_have_to_write_them()
    {
        var (device, _) = await CreateLoopAsync();
        await using var node = await _files.OpenAsync(device, driver: "host_device");
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await node.WriteZeroesAsync(0, Block, ZeroFlags.NoFallback, default));
        Assert.Equal(BlockErrorKind.NotSupported, e.Kind);
    }

    [SkippableFact]
    public async Task Direct_requests_go_to_the_device_by_every_engine()
    {
        var (device, _) = await CreateLoopAsync();
        foreach (var aio in new[] { "threads", "native", "io_uring" })
        {
            await using var node = await _files.OpenAsync(device, $"\"aio\":\"{aio}\"", "host_device", f => f.Direct = true);
            var written = FileFixture.Pattern(Block, seed: aio.Length);
            await node.WriteAsync(0, ReadWriteTests.Aligned(written), WriteFlags.None, default);
            var read = ReadWriteTests.Aligned(new byte[Block]);
            await node.ReadAsync(0, read, ReadFlags.None, default);
            Assert.Equal(written, read.ToArray());
        }
    }

    [SkippableFact]
    public async Task A_device_cannot_be_resized()
    {
        var (device, _) = await CreateLoopAsync();
        await using var node = await _files.OpenAsync(device, driver: "host_device");
        var resizable = (IResizable)node;
        await resizable.ResizeAsync(Size, default, default);
        await resizable.ResizeAsync(Size / 2, new ResizeOptions(MayExceed: true), default);
        Assert.Equal(
            "Cannot resize device files",
            (await Assert.ThrowsAsync<BlockException>(
                async () => await resizable.ResizeAsync(Size / 2, new ResizeOptions(), default))).Message);
        Assert.Equal(
            "Cannot resize device files",
            (await Assert.ThrowsAsync<BlockException>(
                async () => await resizable.ResizeAsync(Size * 2, new ResizeOptions(), default))).Message);
    }

    [SkippableFact]
    public async Task Creating_on_a_device_clears_its_first_sector_or_says_that_it_is_too_small()
    {
        var (device, file) = await CreateLoopAsync();
        System.IO.File.WriteAllBytes(file, FileFixture.Pattern(Size));
        await _files.CreateImageAsync($$"""{"filename":"{{device}}","size":{{Size}}}""", "host_device");
        await using var node = await _files.OpenAsync(device, driver: "host_device");
        var read = new byte[1024];
        await node.ReadAsync(0, read, ReadFlags.None, default);
        Assert.Equal(new byte[512], read[..512]);
        Assert.Equal(FileFixture.Pattern(1024)[512..], read[512..]);
        var e = await Assert.ThrowsAsync<BlockException>(
            () => _files.CreateImageAsync($$"""{"filename":"{{device}}","size":{{Size + 512}}}""", "host_device"));
        Assert.Equal("Cannot grow device files", e.Message);
    }

    [Fact]
    public async Task A_character_device_can_be_read()
    {
        await using var node = await _files.OpenAsync("/dev/zero", driver: "host_device");
        Assert.Equal(0, node.Profile.Length);
        Assert.Equal(Support.None, node.Profile.Discard);
    }

    public void Dispose()
    {
        foreach (var loop in _loops)
            RealQemuTests.RunAsync("losetup", "-d", loop).Wait();
        _files.Dispose();
    }

    private async Task<(string Device, string File)> CreateLoopAsync()
    {
        RealQemuTests.RequireTool("losetup");
        var file = _files.CreateFile(Size, "loop.img");
        var (code, output) = await RealQemuTests.RunAsync("losetup", "-f", "--show", file);
        Skip.If(code != 0, $"no loop device: {output}");
        _loops.Add(output.Trim());
        return (output.Trim(), file);
    }
}
