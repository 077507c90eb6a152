// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Jobs;
using BlockHost.Plugins.Commands.Job.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Job.Commands;

/// <summary>transaction: actions that plugins provide, all or nothing.</summary>
internal static class TransactionCommand
{
    private static readonly JsonElement NoData = JsonSerializer.SerializeToElement(new AbortData(), JobJson.Default.AbortData);

    public static QmpCommand Create() => QmpCommand.CreateAction(
        "transaction",
        () => JobJson.Default.TransactionArguments,
        (call, arguments, cancellationToken) => call.Host.Transactions.RunAsync(
            [.. arguments.Actions.Select(action => ToAction(action.Json))],
            arguments.Properties?.CompletionMode ?? ActionCompletionMode.Individual,
            cancellationToken));

    private static (string Type, JsonElement Data) ToAction(JsonElement action) =>
        (action.GetProperty("type").GetString()!, action.TryGetProperty("data", out var data) ? data : NoData);
}

/// <summary>abort: fails the transaction, for tests of clients.</summary>
internal sealed class AbortAction : TransactionAction<AbortData>
{
    public override string Name => "abort";

    protected override JsonTypeInfo<AbortData> TypedDataType => JobJson.Default.AbortData;

    public override bool SupportsGrouped => true;

    protected override ValueTask<TransactionStep> PrepareAsync(
        ITransactionContext context, AbortData data, CancellationToken cancellationToken) =>
        throw new QmpException("Transaction aborted using Abort action");
}
