// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>How a node does an optional operation.</summary>
public enum Support
{
    /// <summary>Not at all; the host fails it, or ignores it where that is safe.</summary>
    None = 0,

    /// <summary>The host builds it from the node's other operations.</summary>
    Emulate = 1,

    /// <summary>The node's own operation is called.</summary>
    Native = 2,
}

/// <summary>Sizes in bytes that requests should or must respect. 0: no limit.</summary>
public sealed record BlockLimits
{
    public static BlockLimits Default { get; } = new();

    /// <summary>
    /// Offset and length of every request are multiples of this (a power of two, 1 to 64 KiB...); the host rounds and merges.
    /// </summary>
    public int RequestAlignment { get; init; } = 1;

    /// <summary>Buffers start at multiples of this; the host bounces others.</summary>
    public int MemoryAlignment { get; init; } = 1;

    /// <summary>Largest read or write; the host splits larger ones.</summary>
    public long MaxTransfer { get; init; }

    /// <summary>Preferred size and alignment of data, for clients that ask.</summary>
    public long OptimalTransfer { get; init; }

    public long MaxDiscard { get; init; }

    /// <summary>Discards smaller or less aligned than this have no effect.</summary>
    public long DiscardAlignment { get; init; }

    public long MaxWriteZeroes { get; init; }

    public long WriteZeroesAlignment { get; init; }
}

/// <summary>
/// What a node is, fixed from open until <see cref="IBlockNodeContext.ProfileChanged"/> or a resize.
/// </summary>
public sealed record BlockProfile
{
    /// <summary>Virtual size in bytes.</summary>
    public required long Length { get; init; }

    public BlockLimits Limits { get; init; } = BlockLimits.Default;

    public bool Writable { get; init; }

    /// <summary>A write past the end grows the node (files).</summary>
    public bool Growable { get; init; }

    /// <summary>
    /// Storage that was just made, and whatever a write past its end leaves between, reads as zeroes: a file's hole, but no
    /// device.
    /// </summary>
    public bool NewStorageReadsZero { get; init; }

    public Support Flush { get; init; } = Support.None;

    public Support Fua { get; init; } = Support.Emulate;

    public Support WriteZeroes { get; init; } = Support.Emulate;

    /// <summary>Flags the node's own write-zeroes honours; others the host emulates.</summary>
    public ZeroFlags WriteZeroesFlags { get; init; } = ZeroFlags.MayUnmap;

    public Support Discard { get; init; } = Support.None;

    public Support Status { get; init; } = Support.Emulate;

    /// <summary>The node narrows its driver's promise, never widens it.</summary>
    public Concurrency Concurrency { get; init; } = Concurrency.Parallel;
}
