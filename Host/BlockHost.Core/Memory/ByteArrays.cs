// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Numerics;

namespace BlockHost.Core.Memory;

/// <summary>
/// Arrays for messages, in powers of two: small ones from the shared pool, large ones made for their message. The pool
/// would keep those, in case that another one of their size is needed.
/// </summary>
internal static class ByteArrays
{
    private const int LargestPooled = 64 << 10;

    public static byte[] Rent(int length) =>
        length <= LargestPooled
            ? ArrayPool<byte>.Shared.Rent(length)
            : GC.AllocateUninitializedArray<byte>(
                (int)Math.Min(BitOperations.RoundUpToPowerOf2((uint)length), (uint)Array.MaxLength));

    public static void Return(byte[] array)
    {
        if (array.Length > LargestPooled)
            UnusedPages.GiveBack(array);
        else if (array.Length > 0)
            ArrayPool<byte>.Shared.Return(array);
    }
}
