// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Mirror.Commands;

/// <summary>blockdev-mirror: to a node that exists.</summary>
internal static class BlockdevMirrorCommand
{
    public static QmpCommand Create(MirrorJobType type) => QmpCommand.CreateAction(
        "blockdev-mirror",
        MirrorJson.Default.BlockdevMirrorArguments,
        (call, arguments, cancellationToken) => StartAsync(type, call.Host, arguments, cancellationToken));

    private static async ValueTask StartAsync(MirrorJobType type, IPluginHost host, BlockdevMirrorArguments arguments, CancellationToken cancellationToken)
    {
        var source = host.Graph.LookupRoot(arguments.Device);
        var target = host.Graph.Lookup(arguments.Target, arguments.Target);
        var request = new MirrorRequest
        {
            Id = arguments.JobId,
            Flags = JobRequest.FlagsOf(arguments.AutoFinalize, arguments.AutoDismiss),
            Speed = arguments.Speed ?? 0,
            Sync = arguments.Sync,
            Granularity = arguments.Granularity,
            BufferSize = arguments.BufSize,
            OnSourceError = arguments.OnSourceError ?? BlockdevOnError.Report,
            OnTargetError = arguments.OnTargetError ?? BlockdevOnError.Report,
            CopyMode = arguments.CopyMode ?? MirrorCopyMode.Background,
            Replaces = arguments.Replaces,
            FilterNodeName = arguments.FilterNodeName,
        };
        await MirrorLaunch.RunAsync(type, host, source, target, request, cancellationToken).ConfigureAwait(false);
    }
}
