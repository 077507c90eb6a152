// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qed;

/// <summary>Where new clusters go: at the end of the file.</summary>
internal sealed class FileEnd(long length, long clusterSize)
{
    private readonly Lock _lock = new();
    private long _end = (length + clusterSize - 1) / clusterSize * clusterSize;

    /// <summary>The file reaches so far, or will with what is being written to it.</summary>
    public long Reached(IBlockChild file)
    {
        lock (_lock)
            return Math.Max(_end, file.Length);
    }

    public long Take(long bytes)
    {
        lock (_lock)
        {
            if (_end > long.MaxValue - bytes)
                throw new BlockException(BlockErrorKind.NoSpace, "The QED image has no room for more clusters", Errno.EFBIG);
            _end += bytes;
            return _end - bytes;
        }
    }

    /// <summary>What was taken last, and is not used after all; anything else stays unused.</summary>
    public void GiveBack(long place, long bytes)
    {
        lock (_lock)
            _end = _end == place + bytes ? place : _end;
    }
}
