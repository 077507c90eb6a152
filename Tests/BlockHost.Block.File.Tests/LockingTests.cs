// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.File.Locking;
using BlockHost.Posix;

namespace BlockHost.Block.File.Tests;

/// <summary>Image locks between nodes; two nodes of one process exclude each other as two processes do.</summary>
public sealed class LockingTests : IDisposable
{
    private const BlockPermissions Read = BlockPermissions.ConsistentRead;
    private const BlockPermissions Write = BlockPermissions.ConsistentRead | BlockPermissions.Write;
    private const BlockPermissions All = BlockPermissions.All;

    private readonly FileFixture _files = new();

    [Fact]
    public async Task Needed_and_denied_permissions_are_one_shared_lock_a_byte()
    {
        var path = _files.CreateFile(4096);
        await using var node = await _files.OpenAsync(path);
        Assert.Empty(LockedBytes(path));
        await TakeAsync(node, Write, All & ~BlockPermissions.Resize);
        Assert.Equal([100, 101, 203], LockedBytes(path));
        await TakeAsync(node, Read | BlockPermissions.WriteUnchanged, All & ~BlockPermissions.Write & ~BlockPermissions.Resize);
        Assert.Equal([100, 102, 201, 203], LockedBytes(path));
        await TakeAsync(node, BlockPermissions.None, All);
        Assert.Empty(LockedBytes(path));
    }

    [Fact]
    public async Task An_aborted_change_keeps_what_was_held_and_nothing_else()
    {
        var path = _files.CreateFile(4096);
        await using var node = await _files.OpenAsync(path);
        await TakeAsync(node, Read, All);
        await node.PreparePermissionsAsync(
            new BlockPermissionSet(BlockPermissions.Write, All & ~BlockPermissions.Write), default);
        Assert.Equal([100, 101, 201], LockedBytes(path));
        node.AbortPermissions();
        Assert.Equal([100], LockedBytes(path));
    }

    [Fact]
    public unsafe void Locks_end_with_their_user_even_where_a_forked_child_has_the_description_too()
    {
        const int Duplicate = 0;
        var path = _files.CreateFile(4096);
        using var file = FileDescriptor.Open(path, OpenFlags.ReadWrite);
        var descriptor = LockDescriptor.TryOpen(file, path, out _)!;
        using var childs = new FileDescriptor(Libc.fcntl(descriptor.File.Value, Duplicate, null));
        var held = new ImageLock(descriptor, path);
        held.Prepare(new BlockPermissionSet(Write, All & ~BlockPermissions.Resize));
        held.Commit();
        Assert.NotEmpty(LockedBytes(path));

        held.Dispose();

        Assert.Empty(LockedBytes(path));
    }

    [Theory]
    [InlineData(BlockPermissions.ConsistentRead, "Failed to get \"consistent read\" lock")]
    [InlineData(BlockPermissions.Write, "Failed to get \"write\" lock")]
    [InlineData(BlockPermissions.WriteUnchanged, "Failed to get \"write unchanged\" lock")]
    [InlineData(BlockPermissions.Resize, "Failed to get \"resize\" lock")]
    public async Task What_another_user_denies_cannot_be_taken(BlockPermissions permission, string text)
    {
        var path = _files.CreateFile(4096);
        await using var first = await _files.OpenAsync(path);
        await using var second = await _files.OpenAsync(path);
        await TakeAsync(first, BlockPermissions.None, All & ~permission);
        var e = await Assert.ThrowsAsync<BlockException>(async () => await TakeAsync(second, permission, All));
        Assert.StartsWith(text, e.Message);
        Assert.Equal(BlockErrorKind.Busy, e.Kind);
        Assert.Equal($"Is another process using the image [{path}]?", e.Hint);
        await TakeAsync(second, All & ~permission, All);
    }

    [Theory]
    [InlineData(BlockPermissions.Write, "Failed to get shared \"write\" lock")]
    [InlineData(BlockPermissions.Resize, "Failed to get shared \"resize\" lock")]
    public async Task What_another_user_has_cannot_be_denied(BlockPermissions permission, string text)
    {
        var path = _files.CreateFile(4096);
        await using var first = await _files.OpenAsync(path);
        await using var second = await _files.OpenAsync(path);
        await TakeAsync(first, permission, All);
        var e = await Assert.ThrowsAsync<BlockException>(async () => await TakeAsync(second, Read, All & ~permission));
        Assert.StartsWith(text, e.Message);
        Assert.Equal([100 + BitOf(permission)], LockedBytes(path));
    }

    [Fact]
    public async Task A_refused_change_keeps_what_was_held()
    {
        var path = _files.CreateFile(4096);
        await using var first = await _files.OpenAsync(path);
        await using var second = await _files.OpenAsync(path);
        await TakeAsync(first, Write, All & ~BlockPermissions.Write);
        await TakeAsync(second, Read, All);
        await Assert.ThrowsAsync<BlockException>(async () => await TakeAsync(second, Write, All & ~BlockPermissions.Resize));
        await second.DisposeAsync();
        Assert.Equal([100, 101, 201], LockedBytes(path));
    }

    [Fact]
    public async Task A_refusal_names_the_process_that_holds_the_lock()
    {
        var path = _files.CreateFile(4096);
        await using var first = await _files.OpenAsync(path);
        await using var second = await _files.OpenAsync(path);
        await TakeAsync(first, Write, All & ~BlockPermissions.Write);
        var e = await Assert.ThrowsAsync<BlockException>(async () => await TakeAsync(second, Write, All));
        Assert.Equal(
            $"Failed to get \"write\" lock: held by process {Environment.ProcessId} ({System.IO.File.ReadAllText("/proc/self/comm").Trim()})",
            e.Message);
    }

    [Fact]
    public async Task Without_locking_nothing_is_locked_and_nobody_is_refused()
    {
        var path = _files.CreateFile(4096);
        await using var locked = await _files.OpenAsync(path);
        await using var free = await _files.OpenAsync(path, "\"locking\":\"off\"");
        await TakeAsync(locked, Write, Read);
        await TakeAsync(free, Write, Read);
        await locked.DisposeAsync();
        Assert.Empty(LockedBytes(path));
    }

    [Fact]
    public async Task Closing_a_node_releases_its_locks()
    {
        var path = _files.CreateFile(4096);
        var first = await _files.OpenAsync(path);
        await TakeAsync(first, Write, Read);
        await first.DisposeAsync();
        await using var second = await _files.OpenAsync(path, "\"locking\":\"on\"");
        await TakeAsync(second, Write, Read);
    }

    [Fact]
    public async Task Locks_outlive_a_reopen()
    {
        var path = _files.CreateFile(4096);
        await using var node = await _files.OpenAsync(path);
        await TakeAsync(node, Write, Read);
        var options = System.Text.Json.JsonDocument.Parse($$"""{"filename":"{{path}}"}""").RootElement;
        var step = await ((Facets.IReopenable)node).PrepareReopenAsync(
            FileFixture.Context(f => f.ReadOnly = true), options, default);
        step.Commit();
        Assert.Equal([100, 101, 201, 202, 203], LockedBytes(path));
    }

    public void Dispose() => _files.Dispose();

    /// <summary>Bytes of the file that somebody holds a lock on, from /proc/locks.</summary>
    internal static int[] LockedBytes(string path)
    {
        var inode = BlockHost.Posix.FileDescriptor.TryStatus(path)!.Value.Inode;
        var locks = from line in System.IO.File.ReadLines("/proc/locks")
                    let words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                    where words[1] == "OFDLCK" && words[5].EndsWith($":{inode}", StringComparison.Ordinal)
                    from position in Enumerable.Range(int.Parse(words[6]), int.Parse(words[7]) - int.Parse(words[6]) + 1)
                    select position;
        return [.. locks.Distinct().Order()];
    }

    internal static async Task TakeAsync(BlockNode node, BlockPermissions needed, BlockPermissions shared)
    {
        await node.PreparePermissionsAsync(new BlockPermissionSet(needed, shared), default);
        node.CommitPermissions();
    }

    private static int BitOf(BlockPermissions permission) => System.Numerics.BitOperations.TrailingZeroCount((int)permission);
}
