// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Chain.Tests.Disks;

[Flags]
internal enum DiskRequest
{
    Read = 1,

    /// <summary>A new length is a write of nothing at the new end.</summary>
    Write = 2,
    Zero = 4,
    Discard = 8,
    Flush = 16,

    /// <summary>What takes room.</summary>
    Change = Write | Zero,
}

/// <summary>A disk in memory that decides what becomes of each request.</summary>
internal interface IDisk
{
    MemoryImage Image { get; }

    /// <summary>Has one request done, or fails it with a <see cref="BlockHost.Block.BlockException"/>.</summary>
    /// <param name="offset">0 for a flush.</param>
    /// <param name="action">Does it to the image.</param>
    ValueTask DoAsync(DiskRequest request, long offset, long bytes, Action action);
}
