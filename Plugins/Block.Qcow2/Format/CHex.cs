// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Format;

/// <summary>Numbers as C's "%#x" prints them, which QEMU's messages use: zero has no prefix.</summary>
internal static class CHex
{
    public static string Of(long value) => value == 0 ? "0" : $"0x{value:x}";
}
