// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Virtio.Memory;

/// <summary>
/// Which pages of a guest's memory were written while it moves to another host: a bit for each 4 KiB from address 0 on, shared
/// with the front-end, which clears what it has sent (vhost-user, "Migration").
/// </summary>
public sealed unsafe class DirtyLog : IDisposable
{
    private const int PageBits = 12;

    private readonly MemoryMapping _mapping;
    private readonly byte* _start;
    private readonly ulong _bytes;

    private DirtyLog(MemoryMapping mapping, ulong offset, ulong bytes)
    {
        _mapping = mapping;
        _start = mapping.Start + offset;
        _bytes = bytes;
    }

    /// <exception cref="VhostUserException">The descriptor has no such part.</exception>
    public static DirtyLog Map(int descriptor, ulong offset, ulong bytes)
    {
        if (bytes == 0 || offset + bytes < offset || offset + bytes > long.MaxValue || offset % sizeof(ulong) != 0)
            throw new VhostUserException($"a log of 0x{bytes:x} bytes at offset 0x{offset:x} cannot be");
        try
        {
            return new DirtyLog(SharedFile.Map(descriptor, offset + bytes, "the log"), offset, bytes);
        }
        catch (Block.BlockException e)
        {
            throw new VhostUserException($"the log: {e.Message}", e);
        }
    }

    /// <summary>What lies past the log's end is not marked: the front-end has said that there is no memory.</summary>
    public void Mark(ulong address, ulong length)
    {
        if (length == 0)
            return;
        var last = (address + length - 1) >> PageBits;
        for (var page = address >> PageBits; page <= last && page >> 3 < _bytes; page++)
            Set(page);
    }

    public void Dispose() => _mapping.Dispose();

    /// <summary>Of a whole 32-bit word, or the last byte could be changed together with what is not ours.</summary>
    private void Set(ulong page)
    {
        var word = page >> 5;
        if (((word + 1) << 2) <= _bytes)
            Interlocked.Or(ref ((uint*)_start)[word], 1u << (int)(page & 31));
        else
            _start[page >> 3] |= (byte)(1 << (int)(page & 7));
    }
}
