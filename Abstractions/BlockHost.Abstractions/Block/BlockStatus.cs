// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

[Flags]
public enum BlockStatusFlags
{
    None = 0,

    /// <summary>Reads come from stored data.</summary>
    Data = 1,

    /// <summary>Reads as zeroes.</summary>
    Zero = 2,

    /// <summary>
    /// <see cref="BlockStatus.HostOffset"/> is where the data lies in <see cref="BlockStatus.Source"/>, unencoded.
    /// </summary>
    OffsetValid = 4,

    /// <summary>This node decides what the range reads as, not its backing file.</summary>
    Allocated = 8,

    /// <summary>The range ends the node.</summary>
    Eof = 16,

    /// <summary>
    /// The answer is <see cref="BlockStatus.Source"/>'s at <see cref="BlockStatus.HostOffset"/> (raw and filters).
    /// </summary>
    Raw = 32,

    /// <summary>The host may ask <see cref="BlockStatus.Source"/> whether the data is zero.</summary>
    Recurse = 64,

    Compressed = 128,
}

/// <summary>How much work a status query is worth.</summary>
public enum StatusPrecision
{
    /// <summary>Find out whether data reads as zero.</summary>
    WantZero = 0,

    /// <summary>Only which layer is allocated; may report long runs.</summary>
    AllocationOnly = 1,
}

/// <summary>
/// State of the <paramref name="Bytes"/> bytes (at least 1) that follow the queried offset, on this node alone.
/// </summary>
public readonly record struct BlockStatus(long Bytes, BlockStatusFlags Flags, long HostOffset = 0, IBlockChild? Source = null);
