// SPDX-License-Identifier: MIT
namespace BlockHost.Images.Copying;

/// <summary>How convert copies. Sizes and offsets in bytes.</summary>
internal sealed record CopyOptions
{
    /// <summary>Runs of zeroes in the data of at least this many bytes become holes; 0: the target is fully written.</summary>
    public long MinSparse { get; init; } = 4096;

    /// <summary>Pieces in flight.</summary>
    public int Workers { get; init; } = 8;

    /// <summary>Writes go out in the order of their offsets.</summary>
    public bool InOrder { get; init; } = true;

    public bool Compress { get; init; }

    /// <summary>The target's; 0: it has none.</summary>
    public long ClusterSize { get; init; }

    /// <summary>The target's request alignment.</summary>
    public long TargetAlignment { get; init; } = 512;

    /// <summary>Nothing needs to be done for zeroes: a new target.</summary>
    public bool TargetReadsZero { get; init; }

    /// <summary>What the sources' top layer does not provide comes from the target's backing file.</summary>
    public bool TargetHasBacking { get; init; }

    /// <summary>Where the target's backing file ends and it reads as zeroes; null: nobody knows.</summary>
    public long? TargetBackingLength { get; init; }

    /// <summary>Unreadable parts become zeroes.</summary>
    public bool Salvage { get; init; }

    /// <summary>0: no limit.</summary>
    public long BytesPerSecond { get; init; }

    public bool Sparse => MinSparse != 0;
}
