// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>blockdev-snapshot-delete-internal-sync.</summary>
internal static class DeleteInternalSnapshotCommand
{
    public static QmpCommand Create() => QmpCommand.Create(
        "blockdev-snapshot-delete-internal-sync",
        () => CommandsJson.Default.InternalSnapshotDeleteArguments,
        () => CommandsJson.Default.SnapshotInfo,
        (call, arguments, cancellationToken) => DeleteAsync(call.Host.Graph, arguments, cancellationToken));

    private static async ValueTask<SnapshotInfo> DeleteAsync(
        IBlockGraph graph, InternalSnapshotDeleteArguments arguments, CancellationToken cancellationToken)
    {
        var node = graph.LookupRoot(arguments.Device);
        if (arguments.Id is null && arguments.Name is null)
            throw new QmpException("Name or id must be provided");
        node.CheckOperation(BlockOperations.InternalSnapshotDelete);
        var store = node.FindSnapshotStore()
            ?? throw new QmpException($"Failed to get a snapshot list: {ErrnoText.Of(Errno.ENOTSUP)}");
        var drained = await graph.DrainAsync(node, cancellationToken).ConfigureAwait(false);
        await using var quiet = drained.ConfigureAwait(false);
        var snapshot = (await store.ListAsync(cancellationToken).ConfigureAwait(false)).FirstOrDefault(arguments.Means)
            ?? throw new QmpException(
                $"Snapshot with id '{arguments.Id ?? "null"}' and name '{arguments.Name ?? "null"}' does not exist on device '{arguments.Device}'");
        if (node.ReadOnly)
            throw CannotRemove(Errno.EPERM, null);
        try
        {
            await store.DeleteAsync(snapshot.Id, snapshot.Name, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw CannotRemove(e.Errno, e);
        }

        return SnapshotInfo.From(snapshot);
    }

    private static QmpException CannotRemove(int errno, Exception? cause) =>
        new(QmpErrorClass.GenericError, $"Failed to remove snapshot from snapshot list: {ErrnoText.Of(errno)}", cause);
}
