// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Core.Block.Io;

/// <summary>Whether buffers can be given to a driver that wants them aligned.</summary>
internal static class MemoryAlignment
{
    public static bool Holds(IoSlice slice, int alignment)
    {
        if (alignment <= 1)
            return true;
        foreach (var segment in slice)
        {
            if (!Holds(segment, alignment))
                return false;
        }

        return true;
    }

    // An array can be moved between this look and the driver's: only memory of a manager stays where it is.
    private static unsafe bool Holds(Memory<byte> segment, int alignment)
    {
        if (!MemoryMarshal.TryGetMemoryManager<byte, MemoryManager<byte>>(segment, out _))
            return false;
        fixed (byte* start = segment.Span)
            return ((nuint)start & ((uint)alignment - 1)) == 0 && (segment.Length & (alignment - 1)) == 0;
    }
}
