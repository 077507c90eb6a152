// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File;

/// <summary>
/// Tells data from holes. Keeps the last run of data: finding its end can cost the kernel a walk over the whole run, and
/// queries often come in small steps. Stale data does no harm (a hole reported as data reads as zeroes all the same);
/// holes are never kept, because writes fill them.
/// </summary>
internal sealed class ExtentMap
{
    private Run? _data;

    /// <summary>The run at <paramref name="offset"/>, which is below <paramref name="length"/>.</summary>
    internal (long Bytes, bool IsData) Find(int descriptor, long offset, long length)
    {
        if (Volatile.Read(ref _data) is { } known && known.Start <= offset && offset < known.End)
            return (known.End - offset, true);
        var data = Libc.lseek(descriptor, offset, Seek.Data);
        if (data < 0)
            return (length - offset, SystemError.Last != BlockHost.Block.Errno.ENXIO);
        if (data > offset)
            return (Math.Min(data, length) - offset, false);
        var hole = Libc.lseek(descriptor, offset, Seek.Hole);
        if (hole <= offset)
            return (length - offset, true);
        Volatile.Write(ref _data, new Run(offset, hole));
        return (hole - offset, true);
    }

    /// <summary>The file may have changed otherwise than by writes of data.</summary>
    internal void Forget() => Volatile.Write(ref _data, null);

    private sealed record Run(long Start, long End);
}
