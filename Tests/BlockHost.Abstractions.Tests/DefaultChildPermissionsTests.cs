// SPDX-License-Identifier: MIT
using BlockHost.Block;
using static BlockHost.Block.BlockPermissions;

namespace BlockHost.Abstractions.Tests;

public sealed class DefaultChildPermissionsTests
{
    [Fact]
    public void A_filter_needs_and_shares_what_its_users_do()
    {
        var own = new BlockPermissionSet(ConsistentRead | Write, ConsistentRead | WriteUnchanged);

        Assert.Equal(
            new(ConsistentRead | Write, ConsistentRead | WriteUnchanged), Of(BlockChildRole.Filtered, own, writable: true));
    }

    [Fact]
    public void A_writable_format_writes_and_resizes_its_storage_and_keeps_other_writers_out()
    {
        var (needed, shared) = Of(BlockChildRole.Image, BlockPermissionSet.None, writable: true);

        Assert.Equal(ConsistentRead | Write | Resize, needed);
        Assert.Equal(ConsistentRead | WriteUnchanged, shared);
    }

    [Fact]
    public void A_read_only_format_only_reads_its_storage()
    {
        var own = new BlockPermissionSet(ConsistentRead, All);

        Assert.Equal(ConsistentRead, Of(BlockChildRole.Image, own, writable: false).Needed);
    }

    [Fact]
    public void A_data_child_grows_with_the_writes_of_the_parents_users()
    {
        var own = new BlockPermissionSet(Write, All);

        Assert.Equal(Write | Resize, Of(BlockChildRole.Data, own, writable: true).Needed);
        Assert.Equal(None, Of(BlockChildRole.Data, own, writable: true).Shared & Resize);
    }

    [Fact]
    public void A_backing_file_is_only_read_and_takes_other_writers_only_where_the_users_do()
    {
        Assert.Equal(
            new(ConsistentRead, ConsistentRead | WriteUnchanged),
            Of(BlockChildRole.Backing, new(ConsistentRead | Write | Resize, ConsistentRead), writable: true));
        Assert.Equal(All, Of(BlockChildRole.Backing, new(ConsistentRead, All), writable: false).Shared);
    }

    private static BlockPermissionSet Of(BlockChildRole role, BlockPermissionSet own, bool writable) =>
        DefaultChildPermissions.For(role, own, writable);
}
