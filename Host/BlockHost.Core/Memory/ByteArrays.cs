// SPDX-License-Identifier: MIT
using System.Buffers;

namespace BlockHost.Core.Memory;

/// <summary>
/// Arrays for messages: small ones from the shared pool, large ones made for their message. The pool would keep those,
/// in case that another one of their size is needed.
/// </summary>
internal static class ByteArrays
{
    private const int LargestPooled = 64 << 10;

    public static byte[] Rent(int length) =>
        length <= LargestPooled ? ArrayPool<byte>.Shared.Rent(length) : GC.AllocateUninitializedArray<byte>(length);

    public static void Return(byte[] array)
    {
        if (array.Length > LargestPooled)
            UnusedPages.GiveBack(array);
        else if (array.Length > 0)
            ArrayPool<byte>.Shared.Return(array);
    }
}
