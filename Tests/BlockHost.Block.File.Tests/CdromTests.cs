// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Facets;

namespace BlockHost.Block.File.Tests;

/// <summary>The driver host_cdrom on a drive that a file stands in for.</summary>
public sealed class CdromTests : IDisposable
{
    private const string Drive = "/dev/the-drive";
    private const int Size = 64 * 2048;

    private readonly FakeCdrom _drive = new(Drive, Path.GetTempFileName());
    private readonly FileFixture _files;
    private string? _fallenBack;

    public CdromTests() => _files = new FileFixture(_drive);

    [Fact]
    public async Task A_disc_is_read()
    {
        _drive.Insert(FileFixture.Pattern(Size));
        await using var node = await OpenAsync();

        Assert.Equal(Size, node.Profile.Length);
        Assert.Equal(FileFixture.Pattern(Size), await ReadAsync(node));
    }

    [Fact]
    public async Task An_empty_drive_opens_and_shows_the_disc_that_comes()
    {
        await using var node = await OpenAsync();
        var before = await Medium(node).LookAsync(default);
        Assert.Equal((0, false), (node.Profile.Length, before.HasMedium));

        _drive.Insert(FileFixture.Pattern(Size));
        var now = await Medium(node).LookAsync(default);

        Assert.Equal((Size, true), (node.Profile.Length, now.HasMedium));
        Assert.NotEqual(before.Generation, now.Generation);
        Assert.Equal(FileFixture.Pattern(Size), await ReadAsync(node));
    }

    [Fact]
    public async Task A_query_shows_a_disc_that_came()
    {
        await using var node = await OpenAsync();
        _drive.Insert(FileFixture.Pattern(Size));

        await ((IImageInfo)node).GetFactsAsync(default);

        Assert.Equal(Size, node.Profile.Length);
    }

    [Fact]
    public async Task Another_disc_of_the_same_size_has_another_number()
    {
        _drive.Insert(FileFixture.Pattern(Size));
        await using var node = await OpenAsync();
        var before = await Medium(node).LookAsync(default);

        _drive.Insert(FileFixture.Pattern(Size, seed: 2));
        var now = await Medium(node).LookAsync(default);

        Assert.Equal(before.Generation + 1, now.Generation);
        Assert.Equal(now, await Medium(node).LookAsync(default));
        Assert.Equal(FileFixture.Pattern(Size, seed: 2), await ReadAsync(node));
    }

    [Fact]
    public async Task A_request_that_meets_another_disc_fails_and_says_so()
    {
        _drive.Insert(FileFixture.Pattern(Size));
        await using var node = await OpenAsync();

        _drive.Insert(FileFixture.Pattern(Size, seed: 2));

        Assert.Equal("The medium was changed while it was in use", (await FailureAsync(node)).Message);
        Assert.Equal(FileFixture.Pattern(Size, seed: 2), await ReadAsync(node));
    }

    [Fact]
    public async Task A_request_without_a_disc_fails_and_says_so()
    {
        _drive.Insert(FileFixture.Pattern(Size));
        await using var node = await OpenAsync();

        _drive.Remove();

        var e = await FailureAsync(node);
        Assert.Equal(("No medium found", Errno.ENOMEDIUM), (e.Message, e.Errno));
        Assert.Equal(0, node.Profile.Length);
    }

    [Fact]
    public async Task The_tray_opens_and_closes()
    {
        _drive.Insert(FileFixture.Pattern(Size));
        await using var node = await OpenAsync();

        await Medium(node).MoveTrayAsync(open: true, default);
        var open = await Medium(node).LookAsync(default);
        await Medium(node).MoveTrayAsync(open: false, default);
        var closed = await Medium(node).LookAsync(default);

        Assert.Equal((true, false, 0), (open.IsTrayOpen, open.HasMedium, node.Profile.Length));
        Assert.Equal((false, false), (closed.IsTrayOpen, closed.HasMedium));
    }

    [Fact]
    public async Task A_tray_that_is_locked_stays_closed_until_it_is_unlocked()
    {
        _drive.Insert(FileFixture.Pattern(Size));
        await using var node = await OpenAsync();
        await Medium(node).LockAsync(true, default);
        Assert.True((await Medium(node).LookAsync(default)).IsLocked);

        var e = await Assert.ThrowsAsync<BlockException>(async () => await Medium(node).MoveTrayAsync(open: true, default));
        Assert.Equal((BlockErrorKind.Busy, false), (e.Kind, _drive.TrayOpen));

        await Medium(node).LockAsync(false, default);
        await Medium(node).MoveTrayAsync(open: true, default);
        Assert.True(_drive.TrayOpen);
    }

    [Fact]
    public async Task A_tray_that_somebody_else_holds_stays_closed_and_says_why()
    {
        await using var node = await OpenAsync();
        using var other = _drive.TryOpenAgain(null!, Drive, 0, out _);

        var e = await Assert.ThrowsAsync<BlockException>(async () => await Medium(node).MoveTrayAsync(open: true, default));

        Assert.Equal($"Could not open the tray of '{Drive}': Device or resource busy", e.Message);
    }

    [Fact]
    public async Task Closing_the_node_unlocks_the_tray()
    {
        var node = await OpenAsync();
        await Medium(node).LockAsync(true, default);

        await node.DisposeAsync();

        Assert.False(_drive.Locked);
    }

    [Fact]
    public async Task A_drive_without_a_lock_is_as_good()
    {
        _drive.CanLock = false;
        await using var node = await OpenAsync();

        await Medium(node).LockAsync(true, default);

        Assert.False((await Medium(node).LookAsync(default)).IsLocked);
    }

    [Fact]
    public async Task A_reopen_changes_nothing_that_would_take_a_second_description()
    {
        await using var node = await OpenAsync();
        var options = JsonDocument.Parse($$"""{"filename":"{{Drive}}"}""").RootElement;

        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await ((IReopenable)node).PrepareReopenAsync(FileFixture.Context(), options, default));
        var step = await ((IReopenable)node).PrepareReopenAsync(
            FileFixture.Context(f => (f.ReadOnly, f.NoFlush) = (true, true)), options, default);
        step.Commit();

        Assert.Equal("Cannot change the option 'read-only' of a drive", e.Message);
        Assert.Equal(1, _drive.OpenCount);
    }

    [Fact]
    public async Task A_drive_that_only_reads_falls_back_where_it_may()
    {
        _drive.WriteProtected = true;
        await using var node = await _files.OpenAsync(
            Drive, driver: "host_cdrom", flags: f => (f.AutoReadOnly, f.FallenBack) = (true, reason => _fallenBack = reason));

        Assert.Equal($"Could not open '{Drive}': Read-only file system", _fallenBack);
        Assert.False(node.Profile.Writable);
    }

    [Theory]
    [InlineData("/dev/null", "'/dev/null' is no CD-ROM drive")]
    [InlineData("/nowhere", "Could not open '/nowhere': No such file or directory")]
    [InlineData("/tmp", "'host_cdrom' driver requires '/tmp' to be either a character or block device")]
    public async Task What_is_no_drive_is_refused(string path, string message)
    {
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await _files.OpenAsync(path, driver: "host_cdrom", flags: f => f.ReadOnly = true));

        Assert.Equal(message, e.Message);
    }

    [Fact]
    public async Task A_file_is_refused_as_by_QEMU()
    {
        var file = _files.CreateFile(Size);

        var e = await Assert.ThrowsAsync<BlockException>(async () => await _files.OpenAsync(file, driver: "host_cdrom"));

        Assert.Equal($"'host_cdrom' driver requires '{file}' to be either a character or block device", e.Message);
    }

    [Fact]
    public async Task Nothing_is_cleared_in_an_empty_drive_nor_in_what_is_none()
    {
        var empty = await Assert.ThrowsAsync<BlockException>(
            () => _files.CreateImageAsync($$"""{"filename":"{{Drive}}","size":0}""", "host_cdrom"));
        var none = await Assert.ThrowsAsync<BlockException>(
            () => _files.CreateImageAsync("""{"filename":"/dev/null","size":0}""", "host_cdrom"));

        Assert.Equal(("No medium inserted", "'/dev/null' is no CD-ROM drive"), (empty.Message, none.Message));
    }

    [Fact]
    public void A_plain_path_to_a_drive_means_this_driver()
    {
        var paths = (IPathStore)_files.Driver();

        Assert.Equal("host_cdrom", paths.DriverOf(Drive));
        Assert.Equal("host_device", paths.DriverOf("/dev/null"));
    }

    public void Dispose() => _files.Dispose();

    private static IRemovableMedium Medium(BlockNode node) =>
        node.TryGetFacet<IRemovableMedium>(out var medium) ? medium : throw new InvalidOperationException();

    private ValueTask<BlockNode> OpenAsync() => _files.OpenAsync(Drive, driver: "host_cdrom", flags: f => f.ReadOnly = true);

    private static async Task<byte[]> ReadAsync(BlockNode node)
    {
        var read = new byte[Size];
        await node.ReadAsync(0, read, ReadFlags.None, default);
        return read;
    }

    private static Task<BlockException> FailureAsync(BlockNode node) =>
        Assert.ThrowsAsync<BlockException>(() => ReadAsync(node));
}
