// SPDX-License-Identifier: MIT
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Mirror.Commands;

/// <summary>blockdev-mirror: to a node that exists.</summary>
internal static class BlockdevMirrorCommand
{
    public static QmpCommand Create(MirrorJobType type) => QmpCommand.CreateAction(
        "blockdev-mirror",
        () => MirrorJson.Default.BlockdevMirrorArguments,
        (call, arguments, cancellationToken) => StartAsync(type, call.Host, arguments, cancellationToken));

    private static async ValueTask StartAsync(
        MirrorJobType type, IPluginHost host, BlockdevMirrorArguments arguments, CancellationToken cancellationToken)
    {
        var source = host.Graph.LookupRoot(arguments.Device);
        var target = host.Graph.Lookup(arguments.Target, arguments.Target);
        var request = arguments.ToRequest() with { FilterNodeName = arguments.FilterNodeName };
        await MirrorLaunch.RunAsync(type, host, source, target, request, cancellationToken).ConfigureAwait(false);
    }
}
