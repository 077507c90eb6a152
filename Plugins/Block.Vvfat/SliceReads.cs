// SPDX-License-Identifier: MIT
using System.Buffers;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vvfat;

/// <summary>Reads whole sectors of a disk. Blocking.</summary>
internal delegate void ReadDisk(long offset, Span<byte> target);

/// <summary>Requests are whole sectors, but the pieces of memory that take them may be of any length.</summary>
internal static class SliceReads
{
    /// <summary>Of one request.</summary>
    public const int MostBytes = 16 << 20;

    public static void Read(ReadDisk read, long offset, IoSlice target)
    {
        if (target.TryGetMemory(out var memory))
        {
            read(offset, memory.Span);
            return;
        }

        var buffer = ArrayPool<byte>.Shared.Rent((int)target.Length);
        try
        {
            var bytes = buffer.AsSpan(0, (int)target.Length);
            read(offset, bytes);
            target.CopyFrom(bytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
