// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>What a child is to its parent; several can hold at once.</summary>
[Flags]
public enum BlockChildRole
{
    None = 0,

    /// <summary>Holds guest data.</summary>
    Data = 1,

    /// <summary>Holds the format's metadata.</summary>
    Metadata = 2,

    /// <summary>The parent presents the child's data unchanged.</summary>
    Filtered = 4,

    /// <summary>Copy-on-write source: what the parent has not allocated is read from here.</summary>
    CopyOnWrite = 8,

    /// <summary>The child that stands for the node, at most one.</summary>
    Primary = 16,

    /// <summary>The storage of a format: data and metadata.</summary>
    Image = Data | Metadata | Primary,

    Backing = CopyOnWrite,
}
