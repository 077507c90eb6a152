// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block.Changes;

/// <summary>Permissions as QEMU's messages name them.</summary>
internal static class PermissionNames
{
    private static readonly (BlockPermissions Permission, string Name)[] Names =
    [
        (BlockPermissions.ConsistentRead, "consistent read"),
        (BlockPermissions.Write, "write"),
        (BlockPermissions.WriteUnchanged, "write unchanged"),
        (BlockPermissions.Resize, "resize"),
    ];

    public static string Join(BlockPermissions permissions) =>
        string.Join(", ", Names.Where(name => (permissions & name.Permission) != 0).Select(name => name.Name));
}
