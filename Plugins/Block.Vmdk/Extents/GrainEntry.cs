// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vmdk.Extents;

internal enum GrainState
{
    /// <summary>The backing file has it, or nobody.</summary>
    Unallocated = 0,

    Zero = 1,

    Stored = 2,
}

/// <param name="Offset">In bytes in the extent's file, where the grain is stored.</param>
internal readonly record struct GrainEntry(GrainState State, long Offset = 0);
