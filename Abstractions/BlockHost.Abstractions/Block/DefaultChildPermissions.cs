// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>The permissions QEMU's drivers take on their children unless they say otherwise.</summary>
public static class DefaultChildPermissions
{
    public static BlockPermissionSet For(BlockChildRole role, BlockPermissionSet own, bool writable)
    {
        if ((role & BlockChildRole.Filtered) != 0)
            return Filter(own);
        return (role & BlockChildRole.CopyOnWrite) != 0 ? Backing(own) : Storage(role, own, writable);
    }

    /// <summary>A filter needs just what its users need.</summary>
    public static BlockPermissionSet Filter(BlockPermissionSet own) => own;

    /// <summary>Nobody may change a backing file under an overlay, but others may read it or rewrite the same data.</summary>
    public static BlockPermissionSet Backing(BlockPermissionSet own)
    {
        var needed = own.Needed & BlockPermissions.ConsistentRead;
        var shared = (own.Shared & BlockPermissions.Write) != 0
            ? BlockPermissions.Write | BlockPermissions.Resize
            : BlockPermissions.None;
        return new(needed, shared | BlockPermissions.ConsistentRead | BlockPermissions.WriteUnchanged);
    }

    /// <summary>A format writes its storage whenever it is writable, and lets nobody else change it.</summary>
    public static BlockPermissionSet Storage(BlockChildRole role, BlockPermissionSet own, bool writable)
    {
        var (needed, shared) = own;
        if ((role & BlockChildRole.Metadata) != 0)
        {
            if (writable)
                needed |= BlockPermissions.Write | BlockPermissions.Resize;
            needed |= BlockPermissions.ConsistentRead;
            shared &= ~(BlockPermissions.Write | BlockPermissions.Resize);
        }

        if ((role & BlockChildRole.Data) != 0)
        {
            if ((own.Needed & BlockPermissions.WriteUnchanged) != 0)
                needed |= BlockPermissions.Write;
            if ((own.Needed & BlockPermissions.Write) != 0)
                needed |= BlockPermissions.Resize;
            shared &= ~BlockPermissions.Resize;
        }

        return new(needed, shared);
    }
}
