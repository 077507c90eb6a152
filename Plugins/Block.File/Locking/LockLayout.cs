// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.File.Locking;

/// <summary>
/// QEMU's image locking: every user of an image holds shared locks on single bytes of the file, one a permission bit.
/// <code>
///   byte 100 + bit   this user needs the permission
///   byte 200 + bit   this user does not let others have it
///
///   bit  0 consistent read   1 write   2 write unchanged   3 resize
/// </code>
/// A permission may be taken when nobody else holds its byte at 200, and denied to others when nobody else holds its
/// byte at 100. Offsets are positions to lock; nothing is written there.
/// </summary>
internal static class LockLayout
{
    internal const int NeededBase = 100;
    internal const int UnsharedBase = 200;
    internal const int BitCount = 4;

    private static readonly string[] Names = ["consistent read", "write", "write unchanged", "resize"];

    /// <summary>The permission's name in error texts.</summary>
    internal static string Name(int bit) => Names[bit];

    internal static bool Has(this BlockPermissions permissions, int bit) => ((int)permissions >> bit & 1) != 0;
}
