// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Host space for compressed clusters, which lie one behind the other without gaps. Each counts as a reference to every
/// host cluster it touches. Under the metadata lock.
/// </summary>
/// <remarks>
/// <code>
/// host clusters:  |aaaaaabbbbccc|cccddd·······|      refcounts 3 and 2; the next one begins behind d
/// </code>
/// </remarks>
internal sealed class PackedSpace(ClusterGeometry geometry, ClusterAllocator allocator)
{
    // Where the next piece may begin, in the cluster that the allocator remembers as shared.
    private long _next;

    /// <summary>Takes room for one compressed cluster, which is smaller than a cluster.</summary>
    /// <exception cref="RefcountTableFullException">Nothing was taken.</exception>
    public async ValueTask<CompressedCluster> AllocateAsync(int bytes) =>
        (await TryAllocateBelowAsync(bytes, long.MaxValue).ConfigureAwait(false))!.Value;

    /// <summary>As <see cref="AllocateAsync"/>, before a certain cluster; null: there is no room.</summary>
    public async ValueTask<CompressedCluster?> TryAllocateBelowAsync(int bytes, long limit)
    {
        if (allocator.SharedCluster >= limit) allocator.SharedCluster = -1;
        var shared = allocator.SharedCluster;
        var room = await HasRoomAsync(shared).ConfigureAwait(false) ? (int)(((shared + 1) << geometry.ClusterBits) - _next) : 0;
        var offset = _next;
        if (bytes > room)
        {
            if (await TakeAsync(limit).ConfigureAwait(false) is not { } fresh) return null;
            if (room == 0 || fresh.First != shared + 1)
                offset = fresh.First << geometry.ClusterBits;
            else
                await ShareAsync(shared, fresh).ConfigureAwait(false);
            allocator.SharedCluster = fresh.First;
        }
        else
        {
            await ShareAsync(shared, default).ConfigureAwait(false);
        }
        _next = offset + bytes;
        if (geometry.IsClusterAligned(_next)) allocator.SharedCluster = -1;
        return new CompressedCluster(offset, bytes);
    }

    /// <summary>Gives back a piece that no table refers to yet.</summary>
    public ValueTask ReleaseAsync(CompressedCluster piece) =>
        allocator.ReleaseAsync(ClusterRun.Covering(geometry, piece.HostOffset, piece.Length));

    private async ValueTask<ClusterRun?> TakeAsync(long limit) => limit == long.MaxValue
        ? await allocator.AllocateAsync(1).ConfigureAwait(false)
        : await allocator.TryAllocateBelowAsync(1, limit).ConfigureAwait(false);

    private async ValueTask<bool> HasRoomAsync(long shared) =>
        shared >= 0 && await allocator.GetRefcountAsync(shared).ConfigureAwait(false) < geometry.MaxRefcount;

    private async ValueTask ShareAsync(long shared, ClusterRun fresh)
    {
        try
        {
            await allocator.AddReferenceAsync(shared).ConfigureAwait(false);
        }
        catch
        {
            await allocator.ReleaseAsync(fresh).ConfigureAwait(false);
            throw;
        }
    }
}
