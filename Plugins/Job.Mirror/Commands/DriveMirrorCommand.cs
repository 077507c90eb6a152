// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Mirror.Commands;

/// <summary>
/// drive-mirror: to an image that it names by file, and makes unless told that it exists. The image has no backing file open
/// while it is written; it gets one with the users:
/// <code>
///   sync    absolute-paths           existing
///   full    none                     what its header records
///   top     the source's             what its header records
///   none    the source               what its header records
/// </code>
/// </summary>
internal static class DriveMirrorCommand
{
    public static QmpCommand Create(MirrorJobType type) => QmpCommand.CreateAction(
        "drive-mirror",
        () => MirrorJson.Default.DriveMirrorArguments,
        (call, arguments, cancellationToken) => StartAsync(type, call.Host, arguments, cancellationToken));

    private static async ValueTask StartAsync(
        MirrorJobType type, IPluginHost host, DriveMirrorArguments arguments, CancellationToken cancellationToken)
    {
        var source = host.Graph.LookupRoot(arguments.Device);
        // Before a file is made for nothing.
        source.CheckOperation(BlockOperations.MirrorSource);
        var below = MirrorLaunch.NextLayer(source);
        var request = RequestOf(arguments, hasBacking: below is not null);
        if (arguments is { Replaces: not null, NodeName: null })
            throw new QmpException("a node-name must be provided when replacing a named node of the graph");
        MirrorLaunch.FindReplaced(host.Graph, source, arguments.Replaces);
        var existing = arguments.Mode == NewImageMode.Existing;
        var image = new ImageFileOptions
        {
            FileName = arguments.Target,
            Format = arguments.Format ?? (existing ? null : source.Driver.FormatName),
            Mode = existing ? NewImageMode.Existing : NewImageMode.AbsolutePaths,
            Length = source.Length,
            Backing = request.Sync switch { MirrorSyncMode.Full => null, MirrorSyncMode.None => source, _ => below },
            NoBacking = true,
            Like = source,
            NodeName = arguments.NodeName,
        };
        var target = await host.Images.OpenAsync(image, cancellationToken).ConfigureAwait(false);
        await using (target.ConfigureAwait(false))
            await MirrorLaunch.RunAsync(type, host, source, target.Node, request, cancellationToken).ConfigureAwait(false);
    }

    private static MirrorRequest RequestOf(DriveMirrorArguments arguments, bool hasBacking)
    {
        var existing = arguments.Mode == NewImageMode.Existing;
        // Where nothing is below the top image, it is the whole disk.
        var sync = arguments.Sync == MirrorSyncMode.Top && !hasBacking ? MirrorSyncMode.Full : arguments.Sync;
        return arguments.ToRequest() with
        {
            Sync = sync,
            Unmap = arguments.Unmap ?? true,
            ZeroTarget = existing && sync == MirrorSyncMode.Full,
            Backing = existing ? TargetBacking.OfHeader : TargetBacking.OfSource,
        };
    }
}
