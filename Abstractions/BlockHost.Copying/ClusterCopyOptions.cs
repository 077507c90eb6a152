// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Copying;

public sealed record ClusterCopyOptions
{
    /// <summary>No smaller clusters are worth their while, whatever the target's are.</summary>
    public const long LeastCluster = 65536;

    /// <summary>Bytes that are copied at least: a power of two, at least the target's cluster.</summary>
    public required long ClusterSize { get; init; }

    /// <summary>Bytes of one buffer at the most; a cluster is copied whole, however large.</summary>
    public long MaxBytes { get; init; } = 1 << 20;

    public bool Compress { get; init; }

    /// <summary>What the source has from its backing files is not copied.</summary>
    public bool OnlyTop { get; init; }

    /// <summary>Bytes of a cluster of copies to a target: it writes no cluster of its own twice.</summary>
    public static async ValueTask<long> ClusterSizeForAsync(IGraphNode target, CancellationToken cancellationToken) =>
        Math.Max(LeastCluster, (await target.GetFactsAsync(cancellationToken).ConfigureAwait(false)).ClusterSize);
}
