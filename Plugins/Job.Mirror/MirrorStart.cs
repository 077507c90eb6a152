// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Plugins.Job.Mirror.Filter;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Mirror;

/// <summary>What a user asks for; null is the default.</summary>
internal sealed record MirrorRequest
{
    public required string? Id { get; init; }

    public JobFlags Flags { get; init; }

    public long Speed { get; init; }

    public required MirrorSyncMode Sync { get; init; }

    public long? Granularity { get; init; }

    public long? BufferSize { get; init; }

    public BlockdevOnError OnSourceError { get; init; }

    public BlockdevOnError OnTargetError { get; init; }

    public bool Unmap { get; init; } = true;

    public MirrorCopyMode CopyMode { get; init; }

    public string? Replaces { get; init; }

    public string? FilterNodeName { get; init; }
}

/// <summary>Checks what a user asks for, in QEMU's order and words, and starts the job.</summary>
internal static class MirrorStart
{
    private const long SmallestGranularity = 512;
    private const long LargestGranularity = 64 << 20;
    private const BlockPermissions SharedOnSource = BlockPermissions.All & ~BlockPermissions.Resize;

    public static async ValueTask RunAsync(MirrorJobType type, IPluginHost host, IGraphNode source, IGraphNode target, MirrorRequest request, CancellationToken cancellationToken)
    {
        CheckGranularity(request.Granularity);
        source.CheckOperation(BlockOperations.MirrorSource);
        target.CheckOperation(BlockOperations.MirrorTarget);
        var settings = await CheckAsync(host.Graph, source, target, request, cancellationToken).ConfigureAwait(false);
        var id = JobRequest.IdOrDefault(request.Id, host.Graph, source);
        var driver = new MirrorTopDriver();
        var filter = await host.Graph.InsertFilterAsync(
            source, new FilterOptions { Driver = driver, ChildOption = "backing", NodeName = request.FilterNodeName }, cancellationToken).ConfigureAwait(false);
        try
        {
            var setup = await host.Jobs.CreateAsync(new JobRequest { Type = type, Id = id, Flags = request.Flags }, cancellationToken).ConfigureAwait(false);
            await StartAsync(setup, host, settings, request.Speed, filter, driver.Node!, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await host.Graph.RemoveFilterAsync(filter, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask StartAsync(
        IJobSetup setup, IPluginHost host, MirrorSettings settings, long speed, IGraphNode filter, MirrorTopNode filterNode, CancellationToken cancellationToken)
    {
        try
        {
            await setup.SetSpeedAsync(speed).ConfigureAwait(false);
            var source = await setup.HoldAsync("main node", settings.Source, new(BlockPermissions.ConsistentRead, SharedOnSource), cancellationToken).ConfigureAwait(false);
            var target = await setup.HoldAsync(
                "target", settings.Target, new(BlockPermissions.Write, BlockPermissions.WriteUnchanged | BlockPermissions.ConsistentRead), cancellationToken).ConfigureAwait(false);
            var dirty = settings.Source.DirtyBitmaps.CreateAnonymous(settings.Granularity);
            setup.Start(new MirrorJob(settings, host, new MirrorNodes(source, target, filter, filterNode, dirty)));
        }
        catch
        {
            await setup.FailAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask<MirrorSettings> CheckAsync(
        IBlockGraph graph, IGraphNode source, IGraphNode target, MirrorRequest request, CancellationToken cancellationToken)
    {
        if (request.Replaces is { } replaced && !graph.TryGetNode(replaced, out _))
            throw new QmpException($"Failed to find node with node-name='{replaced}'");
        if (request.Sync is MirrorSyncMode.Incremental or MirrorSyncMode.Bitmap)
            throw new QmpException($"Sync mode '{(request.Sync == MirrorSyncMode.Bitmap ? "bitmap" : "incremental")}' not supported");
        if (request.BufferSize is < 0)
            throw new QmpException("Invalid parameter 'buf-size'");
        if (source == target)
            throw new QmpException("Can't mirror node into itself");
        return new MirrorSettings
        {
            Source = source,
            Target = target,
            Sync = request.Sync,
            Granularity = request.Granularity is > 0 and var given ? given : await target.DirtyBitmaps.GetDefaultGranularityAsync(cancellationToken).ConfigureAwait(false),
            BufferSize = request.BufferSize is > 0 and var size ? (int)Math.Min(size, int.MaxValue) : MirrorSettings.DefaultBufferSize,
            OnSourceError = request.OnSourceError,
            OnTargetError = request.OnTargetError,
            Unmap = request.Unmap,
            CopyMode = request.CopyMode,
            Replaces = request.Replaces,
        };
    }

    private static void CheckGranularity(long? granularity)
    {
        if (granularity is null or 0)
            return;
        if (granularity is < SmallestGranularity or > LargestGranularity)
            throw new QmpException("Parameter 'granularity' expects a value in range [512B, 64MB]");
        if (!BitOperations.IsPow2(granularity.Value))
            throw new QmpException("Parameter 'granularity' expects a power of 2");
    }
}
