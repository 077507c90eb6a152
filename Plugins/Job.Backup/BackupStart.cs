// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Copying;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Backup;

/// <summary>
/// Sets a backup up in a drained section, which lasts until the transaction is over. So its moment is that at which the last
/// disk of the transaction stood still: filter, bitmap and the map of what is to be copied are in place before any guest goes on.
/// </summary>
internal sealed class BackupStart(BackupJobType type, IPluginHost host, IJobGroup? group)
{
    private static readonly BlockPermissionSet Nothing = BlockPermissionSet.None;

    /// <exception cref="QmpException">Nothing is left behind.</exception>
    public async ValueTask<TransactionStep> PrepareAsync(BackupRequest request, CancellationToken cancellationToken)
    {
        var drained = await host.Graph.DrainAsync(request.Source, cancellationToken).ConfigureAwait(false);
        try
        {
            var bitmap = BackupChecks.CheckBitmap(request);
            BackupChecks.CheckNodes(request);
            var parts = await InsertAsync(request, bitmap, cancellationToken).ConfigureAwait(false);
            return new BackupStep(await CreateAsync(request, parts, cancellationToken).ConfigureAwait(false), drained);
        }
        catch
        {
            await drained.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async ValueTask<BackupParts> InsertAsync(
        BackupRequest request, IDirtyBitmap? bitmap, CancellationToken cancellationToken)
    {
        var options = new FilterOptions { NodeName = request.FilterNodeName, ErrorPrefix = "Could not create node: " };
        // Users see it as what they can make themselves by the same name.
        var (filter, node) = await host.Graph.InsertFilterAsync(
            request.Source, "copy-before-write", MakeFilterAsync, options, cancellationToken).ConfigureAwait(false);
        IDirtyBitmap? pending = null;
        IReadTracker? readers = null;
        try
        {
            var cluster = await BackupChecks.ClusterSizeAsync(request, cancellationToken).ConfigureAwait(false);
            pending = PendingOf(request, bitmap, cluster);
            readers = ClusterCopier.TrackReaders(request.Source, request.Target);
            var copier = new ClusterCopier(
                node.Source, node.Target, pending, host.Buffers, CopyOptionsOf(request, cluster), readers);
            node.SetCopier(copier);
            node.Exclusive = true;
            var kept = bitmap is null ? null : new BackupBitmap(bitmap.Freeze(), BackupChecks.ModeOf(request)!.Value);
            return new BackupParts(host.Graph, filter, node, copier, pending, kept, readers);
        }
        catch
        {
            pending?.Dispose();
            readers?.Dispose();
            await host.Graph.RemoveFilterAsync(filter, CancellationToken.None).ConfigureAwait(false);
            throw;
        }

        async ValueTask<CopyBeforeWriteNode> MakeFilterAsync(
            IBlockNodeContext context, IBlockChild source, CancellationToken opening)
        {
            var target = BlockdevRef.To(request.Target.Name);
            return new(
                source, await context.OpenChildAsync("target", BlockChildRole.Data, target, opening).ConfigureAwait(false));
        }
    }

    private static IDirtyBitmap PendingOf(BackupRequest request, IDirtyBitmap? bitmap, long cluster)
    {
        var pending = request.Source.DirtyBitmaps.CreateAnonymous(cluster, enabled: false);
        if (request.Sync is MirrorSyncMode.Incremental or MirrorSyncMode.Bitmap)
            pending.Merge(bitmap!);
        else
            pending.Set(0, pending.Length);
        return pending;
    }

    private static ClusterCopyOptions CopyOptionsOf(BackupRequest request, long cluster) => new()
    {
        ClusterSize = cluster,
        MaxBytes = request.MaxChunk is > 0 and var chunk ? Math.Min(chunk, BackupJob.LargestCopy) : BackupJob.LargestCopy,
        Compress = request.Compress,
        OnlyTop = request.Sync == MirrorSyncMode.Top,
    };

    private async ValueTask<IJobSetup> CreateAsync(BackupRequest request, BackupParts parts, CancellationToken cancellationToken)
    {
        IJobSetup? setup = null;
        try
        {
            var id = JobRequest.IdOrDefault(request.Id, host.Graph, request.Source);
            setup = await host.Jobs.CreateAsync(
                new JobRequest { Type = type, Id = id, Flags = request.Flags, Group = group },
                cancellationToken).ConfigureAwait(false);
            await setup.SetSpeedAsync(request.Speed).ConfigureAwait(false);
            await setup.HoldAsync("main node", parts.Filter, Nothing, cancellationToken).ConfigureAwait(false);
            await setup.HoldAsync("target", request.Target, Nothing, cancellationToken).ConfigureAwait(false);
            setup.Context.SetRemaining(parts.Pending.DirtyBytes);
            setup.SetWork(new BackupJob(request, parts, setup.Context));
            return setup;
        }
        catch
        {
            if (setup is not null)
                await setup.FailAsync().ConfigureAwait(false);
            parts.Bitmap?.Failed(parts.Pending);
            await parts.RemoveAsync().ConfigureAwait(false);
            if (parts.Bitmap is { } bitmap)
                await bitmap.CheckpointAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A job that waits for the transaction to succeed.</summary>
    private sealed class BackupStep(IJobSetup setup, IAsyncDisposable drained) : TransactionStep
    {
        public override ValueTask CommitAsync()
        {
            setup.Start();
            return ValueTask.CompletedTask;
        }

        public override ValueTask AbortAsync() => setup.CancelAsync();

        public override ValueTask CleanAsync() => drained.DisposeAsync();
    }
}
