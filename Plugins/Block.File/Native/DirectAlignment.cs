// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Native;

/// <summary>What O_DIRECT asks for, in bytes: alignment of offsets and lengths, and of memory.</summary>
internal readonly record struct DirectAlignment(int Offset, int Memory)
{
    private const int Smallest = 512;
    private const int Largest = 65536;

    /// <summary>Buffered I/O takes everything.</summary>
    internal static DirectAlignment None => new(1, 1);

    /// <summary>Asks the kernel, and where it does not know, tries reads of growing size.</summary>
    /// <exception cref="BlockException">No size works.</exception>
    internal static DirectAlignment Of(FileDescriptor file)
    {
        var status = file.Status();
        if ((status.ResultMask & FileStatus.DirectIoAlignment) != 0 && IsUsable(status.DirectOffsetAlignment)
            && IsUsable(status.DirectMemoryAlignment))
            return new(Math.Max(Smallest, (int)status.DirectOffsetAlignment), (int)status.DirectMemoryAlignment);
        for (var size = Smallest; size <= Largest; size *= 2)
        {
            if (CanRead(file, size))
                return new(size, size);
        }

        throw new BlockException(BlockErrorKind.Io, "Could not find working O_DIRECT alignment")
        { Hint = "Try cache.direct=off" };
    }

    private static bool IsUsable(uint alignment) => BitOperations.IsPow2(alignment) && alignment <= Largest;

    private static unsafe bool CanRead(FileDescriptor file, int size)
    {
        var memory = GC.AllocateUninitializedArray<byte>(2 * Largest, pinned: true);
        fixed (byte* start = memory)
        {
            var aligned = (byte*)(((nuint)start + Largest - 1) & ~(nuint)(Largest - 1));
            return Libc.pread(file.Value, aligned, (nuint)size, 0) >= 0 || SystemError.Last != Errno.EINVAL;
        }
    }
}
