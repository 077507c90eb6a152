// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Formats;

/// <summary>Where new clusters go: at the end of the file.</summary>
/// <param name="length">Bytes of the file.</param>
/// <param name="unit">Clusters begin at multiples of this.</param>
public sealed class FileEnd(long length, long unit)
{
    private readonly Lock _lock = new();
    private long _end = length;

    /// <summary>The file reaches so far, or will with what is being written to it.</summary>
    public long Reached(IBlockChild file)
    {
        lock (_lock)
            return Math.Max(_end, file.Length);
    }

    /// <summary>Room that begins at a multiple of the unit. Returns where.</summary>
    public long Take(long bytes) => Take(bytes, unit);

    /// <summary>Room that begins anywhere.</summary>
    public long TakePacked(long bytes) => Take(bytes, 1);

    /// <summary>What was taken last, and is not used after all; anything else stays unused.</summary>
    public void GiveBack(long place, long bytes)
    {
        lock (_lock)
            _end = _end == place + bytes ? place : _end;
    }

    /// <summary>Something lies before an offset, whether the file reaches there or not: nothing is taken before it.</summary>
    public void Keep(long end)
    {
        lock (_lock)
            _end = Math.Max(_end, end);
    }

    /// <summary>The file was cut, and nothing lies beyond its new end.</summary>
    public void Restart(long end)
    {
        lock (_lock)
            _end = end;
    }

    private long Take(long bytes, long alignment)
    {
        lock (_lock)
        {
            var padding = (alignment - (_end % alignment)) % alignment;
            if (_end > long.MaxValue - bytes - padding)
                throw new BlockException(BlockErrorKind.NoSpace, "The image has no room for more clusters", Errno.EFBIG);
            _end += padding + bytes;
            return _end - bytes;
        }
    }
}
