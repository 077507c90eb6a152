// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Job.Backup.Commands;

/// <summary>blockdev-backup: to a node that exists; by itself or with others in a transaction.</summary>
internal sealed class BlockdevBackupAction(BackupJobType type) : TransactionAction
{
    public override string Name => "blockdev-backup";

    public override JsonTypeInfo DataType => BackupJson.Default.BlockdevBackupArguments;

    public override bool SupportsGrouped => true;

    public override ValueTask<TransactionStep> PrepareAsync(ITransactionContext context, JsonElement data, CancellationToken cancellationToken)
    {
        var arguments = data.Deserialize(BackupJson.Default.BlockdevBackupArguments)!;
        var graph = context.Host.Graph;
        var request = arguments.ToRequest(graph.Lookup(arguments.Device, arguments.Device), graph.Lookup(arguments.Target, arguments.Target));
        return new BackupStart(type, context.Host, context.Jobs).PrepareAsync(request, cancellationToken);
    }

    public QmpCommand AsCommand() => QmpCommand.CreateAction(
        Name,
        BackupJson.Default.BlockdevBackupArguments,
        (call, arguments, cancellationToken) =>
            call.Host.Transactions.RunAsync(this, JsonSerializer.SerializeToElement(arguments, BackupJson.Default.BlockdevBackupArguments), cancellationToken));
}
