// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Block.File.Tests;

/// <summary>The driver host_floppy on a drive that a file stands in for.</summary>
public sealed class FloppyTests : IDisposable
{
    private const string Drive = "/dev/the-floppy";
    private const int Size = 1440 * 1024;

    private readonly FakeFloppy _drive = new(Drive, Path.GetTempFileName());
    private readonly FileFixture _files;

    public FloppyTests() => _files = new FileFixture(_drive);

    [Fact]
    public async Task A_floppy_is_written_and_read()
    {
        _drive.Insert(new byte[Size]);
        await using var node = await OpenAsync();
        var written = FileFixture.Pattern(4096);

        await node.WriteAsync(512, written, WriteFlags.None, default);
        await node.FlushAsync(default);
        var read = new byte[4096];
        await node.ReadAsync(512, read, ReadFlags.None, default);

        Assert.Equal((Size, true), (node.Profile.Length, node.Profile.Writable));
        Assert.Equal(written, read);
    }

    [Fact]
    public async Task Another_floppy_is_noticed_by_the_change_line()
    {
        _drive.Insert(new byte[Size]);
        await using var node = await OpenAsync();
        var before = await Medium(node).LookAsync(default);

        _drive.Insert(new byte[720 * 1024]);
        var now = await Medium(node).LookAsync(default);

        Assert.Equal(before.Generation + 1, now.Generation);
        Assert.Equal(720 * 1024, node.Profile.Length);
        Assert.Equal(now, await Medium(node).LookAsync(default));
        Assert.Null(now.IsTrayOpen);
    }

    [Fact]
    public async Task A_motor_ejects()
    {
        _drive.Insert(new byte[Size]);
        await using var node = await OpenAsync();

        await Medium(node).MoveTrayAsync(open: true, default);

        Assert.False((await Medium(node).LookAsync(default)).HasMedium);
        Assert.Equal(0, node.Profile.Length);
    }

    [Fact]
    public async Task What_has_no_motor_says_so()
    {
        _drive.HasMotor = false;
        await using var node = await OpenAsync();

        var e = await Assert.ThrowsAsync<BlockException>(async () => await Medium(node).MoveTrayAsync(open: true, default));
        var closing = await Assert.ThrowsAsync<BlockException>(
            async () => await Medium(node).MoveTrayAsync(open: false, default));

        Assert.Equal($"Could not open the tray of '{Drive}': Invalid argument", e.Message);
        Assert.Equal(BlockErrorKind.NotSupported, closing.Kind);
    }

    [Theory]
    [InlineData("/dev/null")]
    [InlineData("/dev/zero")]
    public async Task What_is_no_drive_is_refused(string path)
    {
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await _files.OpenAsync(path, driver: "host_floppy", flags: f => f.ReadOnly = true));

        Assert.Equal($"'{path}' is no floppy drive", e.Message);
    }

    public void Dispose() => _files.Dispose();

    private static IRemovableMedium Medium(BlockNode node) => (IRemovableMedium)node;

    private ValueTask<BlockNode> OpenAsync() => _files.OpenAsync(Drive, driver: "host_floppy");
}
