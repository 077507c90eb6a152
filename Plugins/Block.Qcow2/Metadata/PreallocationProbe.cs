// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Guesses, by QEMU's rule, whether clusters were taken ahead of their data: many more are in use than the storage
/// holds. Then it is worth asking the storage which of them are holes. Looked for once.
/// </summary>
internal sealed class PreallocationProbe(IBlockChild file, ClusterGeometry geometry, ClusterAllocator allocator)
{
    private bool? _found;

    public ValueTask<bool> IsPreallocatedAsync(CancellationToken cancellationToken) =>
        _found is { } found ? new(found) : LookAsync(cancellationToken);

    private async ValueTask<bool> LookAsync(CancellationToken cancellationToken)
    {
        var found = false;
        if (file.TryGetFacet<IImageInfo>(out var info)
            && (await info.GetFactsAsync(cancellationToken).ConfigureAwait(false)).AllocatedSize is { } bytes)
        {
            var stored = geometry.ClustersFor(bytes);
            var threshold = Math.Max(stored / 9 * 10, stored + 2);
            var clusters = geometry.ClustersFor(file.Length);
            found = clusters >= threshold
                && await allocator.CountInUseAsync(clusters, threshold).ConfigureAwait(false) >= threshold;
        }
        _found = found;
        return found;
    }
}
