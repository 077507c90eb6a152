// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block.Graph;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Backup.Commands;

/// <summary>drive-backup: to an image that it names by file and makes; by itself or with others in a transaction.</summary>
internal sealed class DriveBackupAction(BackupJobType type) : TransactionAction<DriveBackupArguments>
{
    public override string Name => "drive-backup";

    protected override JsonTypeInfo<DriveBackupArguments> TypedDataType => BackupJson.Default.DriveBackupArguments;

    public override IReadOnlyList<string> Features => ["deprecated"];

    public override bool SupportsGrouped => true;

    protected override async ValueTask<TransactionStep> PrepareAsync(
        ITransactionContext context, DriveBackupArguments arguments, CancellationToken cancellationToken)
    {
        var graph = context.Host.Graph;
        var source = graph.Lookup(arguments.Device, arguments.Device);
        var drained = await graph.DrainAsync(source, cancellationToken).ConfigureAwait(false);
        try
        {
            // Before a file is made for nothing.
            source.CheckOperation(BlockOperations.BackupSource);
            return await PrepareDrainedAsync(context, arguments, source, drained, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await drained.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async ValueTask<TransactionStep> PrepareDrainedAsync(
        ITransactionContext context,
        DriveBackupArguments arguments,
        IGraphNode source,
        IAsyncDisposable drained,
        CancellationToken cancellationToken)
    {
        // Where nothing is below the top image, it is the whole disk.
        if (arguments.Sync == MirrorSyncMode.Top && source.Backing is null)
            arguments = arguments with { Sync = MirrorSyncMode.Full };
        var target = await DriveBackupTarget.OpenAsync(context.Host, arguments, source, cancellationToken).ConfigureAwait(false);
        try
        {
            var backup = await new BackupStart(type, context.Host, context.Jobs)
                .PrepareAsync(arguments.ToRequest(source, target.Node), cancellationToken).ConfigureAwait(false);
            return new Step(backup, target, drained);
        }
        catch
        {
            await target.TakeBackAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A backup whose job keeps the target open once it runs.</summary>
    private sealed class Step(TransactionStep backup, IImageFile target, IAsyncDisposable drained) : TransactionStep
    {
        public override ValueTask CommitAsync() => backup.CommitAsync();

        public override async ValueTask AbortAsync()
        {
            await backup.AbortAsync().ConfigureAwait(false);
            await target.TakeBackAsync().ConfigureAwait(false);
        }

        public override async ValueTask CleanAsync()
        {
            await backup.CleanAsync().ConfigureAwait(false);
            await target.DisposeAsync().ConfigureAwait(false);
            await drained.DisposeAsync().ConfigureAwait(false);
        }
    }
}
