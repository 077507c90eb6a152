// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using BlockHost.Block;

namespace BlockHost.Core.Block.Io;

/// <summary>
/// A driver's node whose requests are known while they are under way, as a peer may never answer them. What completes at once
/// passes through.
/// </summary>
internal sealed class WatchedNode(BlockNode node, LateRequests requests) : BlockNode
{
    /// <summary>What waits now.</summary>
    public LateRequests Requests => requests;

    public override BlockProfile Profile => node.Profile;

    public override string? FileName => node.FileName;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        Watch(node.ReadAsync(offset, target, flags, cancellationToken), RequestKind.Read, offset, target.Length);

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        Watch(node.WriteAsync(offset, source, flags, cancellationToken), RequestKind.Write, offset, source.Length);

    public override ValueTask FlushAsync(CancellationToken cancellationToken) =>
        Watch(node.FlushAsync(cancellationToken), RequestKind.Flush, 0, 0);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        Watch(node.WriteZeroesAsync(offset, bytes, flags, cancellationToken), RequestKind.Write, offset, bytes);

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        Watch(node.DiscardAsync(offset, bytes, cancellationToken), RequestKind.Unmap, offset, bytes);

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        var task = node.GetStatusAsync(offset, bytes, precision, cancellationToken);
        return task.IsCompleted ? task : WatchStatusAsync(task, offset, bytes);
    }

    public override ValueTask DrainBeginAsync(CancellationToken cancellationToken) => node.DrainBeginAsync(cancellationToken);

    public override void DrainEnd() => node.DrainEnd();

    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own) =>
        node.GetChildPermissions(child, own);

    public override ValueTask PreparePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken) =>
        node.PreparePermissionsAsync(permissions, cancellationToken);

    public override void CommitPermissions() => node.CommitPermissions();

    public override void AbortPermissions() => node.AbortPermissions();

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class => node.TryGetFacet(out facet);

    public override async ValueTask DisposeAsync()
    {
        await node.DisposeAsync().ConfigureAwait(false);
        requests.Dispose();
    }

    private ValueTask Watch(ValueTask task, RequestKind kind, long offset, long bytes) =>
        task.IsCompleted ? task : WatchAsync(task, kind, offset, bytes);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask WatchAsync(ValueTask task, RequestKind kind, long offset, long bytes)
    {
        var request = requests.Begin(kind, offset, bytes);
        try
        {
            await task.ConfigureAwait(false);
        }
        finally
        {
            requests.End(request);
        }
    }

    private async ValueTask<BlockStatus> WatchStatusAsync(ValueTask<BlockStatus> task, long offset, long bytes)
    {
        var request = requests.Begin(RequestKind.Status, offset, bytes);
        try
        {
            return await task.ConfigureAwait(false);
        }
        finally
        {
            requests.End(request);
        }
    }
}
