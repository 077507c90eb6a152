// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Crypto.Sectors;

internal static class Xor
{
    /// <param name="target">May be the memory of either source.</param>
    public static void Into(Span<byte> target, ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var to = Words(target);
        var a = Words(left);
        var b = Words(right);
        for (var i = 0; i < to.Length; i++)
            to[i] = a[i] ^ b[i];
    }

    private static Span<ulong> Words(Span<byte> bytes) => MemoryMarshal.Cast<byte, ulong>(bytes);

    private static ReadOnlySpan<ulong> Words(ReadOnlySpan<byte> bytes) => MemoryMarshal.Cast<byte, ulong>(bytes);
}
