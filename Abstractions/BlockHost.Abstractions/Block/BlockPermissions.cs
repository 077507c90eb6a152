// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>
/// What a user of a node does with it (needed), and lets others do (shared). QEMU's bits, which are also lock bytes.
/// </summary>
[Flags]
public enum BlockPermissions
{
    None = 0,

    /// <summary>Reads see a consistent image.</summary>
    ConsistentRead = 1,

    Write = 2,

    /// <summary>Writes that do not change what a reader sees.</summary>
    WriteUnchanged = 4,

    Resize = 8,

    All = ConsistentRead | Write | WriteUnchanged | Resize,
}

/// <summary>Permissions of one user on one node.</summary>
public readonly record struct BlockPermissionSet(BlockPermissions Needed, BlockPermissions Shared)
{
    /// <summary>Needs nothing, allows everything.</summary>
    public static BlockPermissionSet None => new(BlockPermissions.None, BlockPermissions.All);
}
