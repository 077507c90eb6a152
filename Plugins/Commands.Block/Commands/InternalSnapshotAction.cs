// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands;

/// <summary>blockdev-snapshot-internal-sync: a snapshot inside the image, which goes on to be written.</summary>
internal sealed class InternalSnapshotAction : TransactionAction<InternalSnapshotArguments>
{
    public override string Name => "blockdev-snapshot-internal-sync";

    protected override JsonTypeInfo<InternalSnapshotArguments> TypedDataType => CommandsJson.Default.InternalSnapshotArguments;

    protected override async ValueTask<TransactionStep> PrepareAsync(
        ITransactionContext context, InternalSnapshotArguments arguments, CancellationToken cancellationToken)
    {
        var node = context.Host.Graph.LookupRoot(arguments.Device);
        var drained = await context.Host.Graph.DrainAsync(node, cancellationToken).ConfigureAwait(false);
        try
        {
            var (store, snapshot) = await TakeAsync(node, arguments, context.Host.Clock, cancellationToken).ConfigureAwait(false);
            return new Step(store, snapshot, drained);
        }
        catch
        {
            await drained.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask<(ISnapshotStore Store, SnapshotRecord Snapshot)> TakeAsync(
        IGraphNode node, InternalSnapshotArguments arguments, TimeProvider clock, CancellationToken cancellationToken)
    {
        var (device, name) = (arguments.Device, arguments.Name);
        node.CheckOperation(BlockOperations.InternalSnapshot);
        if (node.ReadOnly)
            throw new QmpException($"Device '{device}' is read only");
        if (node.FindSnapshotStore() is not { } store)
            throw new QmpException(
                $"Block format '{node.Driver.FormatName}' used by device '{device}' does not support internal snapshots");
        if (name.Length == 0)
            throw new QmpException("Name is empty");
        if ((await store.ListAsync(cancellationToken).ConfigureAwait(false)).Any(snapshot => snapshot.Name == name))
            throw new QmpException($"Snapshot with name '{name}' already exists on device '{device}'");
        // No guest's clock runs here: QEMU's daemon writes the time of day as well.
        var now = clock.GetUtcNow();
        try
        {
            return (store, await store.CreateAsync(
                new SnapshotRecord("", name, 0, now, now - DateTimeOffset.UnixEpoch), cancellationToken).ConfigureAwait(false));
        }
        catch (BlockException e)
        {
            throw new QmpException(
                QmpErrorClass.GenericError,
                $"Failed to create snapshot '{name}' on device '{device}': {ErrnoText.Of(e.Errno)}",
                e);
        }
    }

    private sealed class Step(ISnapshotStore store, SnapshotRecord snapshot, IAsyncDisposable drained) : TransactionStep
    {
        public override async ValueTask AbortAsync()
        {
            try
            {
                await store.DeleteAsync(snapshot.Id, snapshot.Name, CancellationToken.None).ConfigureAwait(false);
            }
            catch (BlockException)
            {
                // One snapshot more harms nobody; the user can delete it.
            }
        }

        public override ValueTask CleanAsync() => drained.DisposeAsync();
    }
}
