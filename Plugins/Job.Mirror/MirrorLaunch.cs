// SPDX-License-Identifier: MIT
using System.Numerics;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Copying;
using BlockHost.Copying.Mirroring;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Mirror;

/// <summary>Checks what a user asks for, in QEMU's order and words, and starts the job.</summary>
internal static class MirrorLaunch
{
    private const long SmallestGranularity = 512;
    private const long LargestGranularity = 64 << 20;

    public static async ValueTask RunAsync(
        MirrorJobType type,
        IPluginHost host,
        IGraphNode source,
        IGraphNode target,
        MirrorRequest request,
        CancellationToken cancellationToken)
    {
        CheckGranularity(request.Granularity);
        source.CheckOperation(BlockOperations.MirrorSource);
        target.CheckOperation(BlockOperations.MirrorTarget);
        var settings = await CheckAsync(host.Graph, source, target, request, cancellationToken).ConfigureAwait(false);
        var plan = new MirrorPlan
        {
            Type = type,
            Id = JobRequest.IdOrDefault(request.Id, host.Graph, source),
            Flags = request.Flags,
            Speed = request.Speed,
            Settings = settings,
            FilterNodeName = request.FilterNodeName,
        };
        await MirrorStart.RunAsync(
            host, plan, nodes => new MirrorJob(settings, request.Backing, host, nodes), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The backing file of the first image of the chain; filters belong to what they filter.</summary>
    public static IGraphNode? NextLayer(IGraphNode node) => BackingChain.SkipFilters(node).Backing;

    /// <summary>The node whose users are to move: the source, or what it shows unchanged through filters.</summary>
    public static IGraphNode? FindReplaced(IBlockGraph graph, IGraphNode source, string? name)
    {
        if (name is null)
            return null;
        if (!graph.TryGetNode(name, out var replaced))
            throw new QmpException($"Failed to find node with node-name='{name}'");
        replaced.CheckOperation(BlockOperations.Replace);
        var isSeen = BackingChain.Layers(source, BackingChain.SkipFilters(source)).Append(BackingChain.SkipFilters(source))
            .Contains(replaced);
        return isSeen
            ? replaced
            : throw new QmpException(
                $"Cannot replace '{name}' by a node mirrored from '{source.Name}', because it cannot be guaranteed that doing so would not lead to an abrupt change of visible data");
    }

    private static async ValueTask<MirrorSettings> CheckAsync(
        IBlockGraph graph, IGraphNode source, IGraphNode target, MirrorRequest request, CancellationToken cancellationToken)
    {
        var replaces = FindReplaced(graph, source, request.Replaces);
        if (request.Sync is MirrorSyncMode.Incremental or MirrorSyncMode.Bitmap)
            throw new QmpException(
                $"Sync mode '{(request.Sync == MirrorSyncMode.Bitmap ? "bitmap" : "incremental")}' not supported");
        if (request.BufferSize is < 0)
            throw new QmpException("Invalid parameter 'buf-size'");
        return new MirrorSettings
        {
            Source = source,
            Target = target,
            OnlyNewWrites = request.Sync == MirrorSyncMode.None,
            Base = request.Sync == MirrorSyncMode.Top ? NextLayer(source) : null,
            ZeroTarget = request.ZeroTarget,
            BareCluster = request.Sync == MirrorSyncMode.Full || target.Backing is not null
                ? 0
                : (await target.GetFactsAsync(cancellationToken).ConfigureAwait(false)).ClusterSize,
            Granularity = request.Granularity is > 0 and var given
                ? given
                : await target.DirtyBitmaps.GetDefaultGranularityAsync(cancellationToken).ConfigureAwait(false),
            BufferSize = request.BufferSize is > 0 and var size
                ? (int)Math.Min(size, int.MaxValue)
                : MirrorSettings.DefaultBufferSize,
            OnSourceError = request.OnSourceError,
            OnTargetError = request.OnTargetError,
            Unmap = request.Unmap,
            WriteBlocking = request.CopyMode == MirrorCopyMode.WriteBlocking,
            Replaces = replaces,
        };
    }

    private static void CheckGranularity(long? granularity)
    {
        if (granularity is null or 0)
            return;
        if (granularity is < SmallestGranularity or > LargestGranularity)
            throw new QmpException(ParameterFault.OutOfRange("granularity", "a value in range [512B, 64MB]"));
        if (!BitOperations.IsPow2(granularity.Value))
            throw new QmpException(ParameterFault.OutOfRange("granularity", "a power of 2"));
    }
}
