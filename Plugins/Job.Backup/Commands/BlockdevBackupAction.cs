// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Backup.Commands;

/// <summary>blockdev-backup: to a node that exists; by itself or with others in a transaction.</summary>
internal sealed class BlockdevBackupAction(BackupJobType type) : TransactionAction<BlockdevBackupArguments>
{
    public override string Name => "blockdev-backup";

    protected override JsonTypeInfo<BlockdevBackupArguments> TypedDataType => BackupJson.Default.BlockdevBackupArguments;

    public override bool SupportsGrouped => true;

    protected override ValueTask<TransactionStep> PrepareAsync(
        ITransactionContext context, BlockdevBackupArguments arguments, CancellationToken cancellationToken)
    {
        var graph = context.Host.Graph;
        var request = arguments.ToRequest(
            graph.Lookup(arguments.Device, arguments.Device), graph.Lookup(arguments.Target, arguments.Target));
        return new BackupStart(type, context.Host, context.Jobs).PrepareAsync(request, cancellationToken);
    }
}
