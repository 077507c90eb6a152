// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Copying.Mirroring;

/// <summary>What a mirroring job copies, and how.</summary>
public sealed record MirrorSettings
{
    public const int DefaultBufferSize = 10 << 20;

    public required IGraphNode Source { get; init; }

    public required IGraphNode Target { get; init; }

    /// <summary>Nothing is copied at first, only what is written from now on.</summary>
    public bool OnlyNewWrites { get; init; }

    /// <summary>At first, what the layers of the source above this one hold is copied; null: what all layers hold.</summary>
    public IGraphNode? Base { get; init; }

    /// <summary>The target may hold something else than zeroes where the source holds nothing.</summary>
    public bool ZeroTarget { get; init; }

    /// <summary>
    /// Bytes of a cluster of a target that gets the backing file with what is not copied only later. Its clusters are written
    /// whole until then: what a write leaves out of a new one would be zeroes and hide that file. 0: the target knows what is
    /// below it.
    /// </summary>
    public long BareCluster { get; init; }

    /// <summary>Bytes of a unit of the dirty bitmap: a power of two from 512 to 64 MiB.</summary>
    public required long Granularity { get; init; }

    /// <summary>Bytes under way at the most, or one unit.</summary>
    public int BufferSize { get; init; } = DefaultBufferSize;

    public BlockdevOnError OnSourceError { get; init; }

    public BlockdevOnError OnTargetError { get; init; }

    /// <summary>Holes of the source may become holes of the target.</summary>
    public bool Unmap { get; init; } = true;

    /// <summary>A guest's write is on both nodes when it completes; else it reaches the target some time later.</summary>
    public bool WriteBlocking { get; init; }

    /// <summary>The node whose users move to the target at the end; null: the source.</summary>
    public IGraphNode? Replaces { get; init; }
}
