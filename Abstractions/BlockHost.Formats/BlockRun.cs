// SPDX-License-Identifier: MIT
namespace BlockHost.Formats;

public enum BlockState
{
    /// <summary>Not here: the backing file has it, or it reads as zeroes.</summary>
    Absent = 0,

    /// <summary>Zeroes, whatever the backing file has.</summary>
    Zero = 1,

    Stored = 2,

    /// <summary>In a form that only the format can read, such as compressed; the place is its own.</summary>
    Packed = 3,
}

/// <summary>Bytes of a disk that are alike and, where they are stored, follow each other in the file.</summary>
/// <param name="Place">Offset in the file of stored bytes.</param>
public readonly record struct BlockRun(BlockState State, long Place = 0, long Bytes = 0);
