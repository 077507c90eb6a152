// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Core.Memory;

/// <summary>
/// Arrays whose content is not needed any more give their memory back to the system at once. Left to the collector,
/// it would stay with an idle process for ever.
/// </summary>
internal static unsafe class UnusedPages
{
    /// <summary>The content is undefined afterwards. Best effort: where it fails, the memory stays until a collection.</summary>
    public static void GiveBack(byte[] array)
    {
        fixed (byte* start = array)
        {
            var page = (nuint)Environment.SystemPageSize;
            var first = (byte*)(((nuint)start + page - 1) & ~(page - 1));
            var end = (byte*)((nuint)(start + array.Length) & ~(page - 1));
            if (end > first)
                _ = Libc.madvise(first, (nuint)(end - first), Advice.DropContent);
        }
    }
}
