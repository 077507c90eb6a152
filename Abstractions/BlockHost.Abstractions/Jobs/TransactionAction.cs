// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Jobs;

/// <summary>QAPI enum ActionCompletionMode: whether the jobs of a transaction stand or fall together.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ActionCompletionMode>))]
public enum ActionCompletionMode
{
    [JsonStringEnumMemberName("individual")]
    Individual = 0,

    [JsonStringEnumMemberName("grouped")]
    Grouped = 1,
}

/// <summary>
/// A kind of action of the "transaction" command (a branch of the union TransactionAction), such as "blockdev-backup".
/// <code>
///   PrepareAsync of each, in order ─┬► CommitAsync of each, in order ──────┬► CleanAsync of each
///                                   └► AbortAsync, last prepared first ────┘
/// </code>
/// </summary>
public abstract class TransactionAction : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Action;

    /// <summary>The value of the member "type".</summary>
    public abstract string Name { get; }

    /// <summary>The member "data": an object.</summary>
    public abstract JsonTypeInfo DataType { get; }

    /// <summary>QAPI features of the branch, such as "deprecated".</summary>
    public virtual IReadOnlyList<string> Features => [];

    /// <summary>The action starts jobs that may be grouped; else the completion mode "grouped" is refused.</summary>
    public virtual bool SupportsGrouped => false;

    /// <summary>Does what can fail, in such a way that it can be taken back.</summary>
    /// <param name="data">Validated against <see cref="DataType"/>.</param>
    /// <exception cref="Qmp.QmpException">The transaction fails. The action has left nothing behind.</exception>
    public abstract ValueTask<TransactionStep> PrepareAsync(
        ITransactionContext context, JsonElement data, CancellationToken cancellationToken);
}

/// <summary>An action with typed data, which is also the command of the same name.</summary>
public abstract class TransactionAction<TData> : TransactionAction
    where TData : class
{
    private JsonTypeInfo<TData>? _deep;

    public sealed override JsonTypeInfo DataType => TypedDataType;

    /// <summary>Source-generated metadata of <typeparamref name="TData"/>.</summary>
    protected abstract JsonTypeInfo<TData> TypedDataType { get; }

    public sealed override ValueTask<TransactionStep> PrepareAsync(
        ITransactionContext context, JsonElement data, CancellationToken cancellationToken) =>
        PrepareAsync(context, data.Deserialize(_deep ??= TypedDataType.Deep())!, cancellationToken);

    /// <inheritdoc cref="TransactionAction.PrepareAsync"/>
    protected abstract ValueTask<TransactionStep> PrepareAsync(
        ITransactionContext context, TData data, CancellationToken cancellationToken);

    /// <summary>The command of the same name: a transaction of this action alone.</summary>
    /// <param name="features">QAPI features of the command; null: those of the action.</param>
    public virtual QmpCommand AsCommand(IReadOnlyList<string>? features = null) => QmpCommand.CreateAction(
        Name,
        () => TypedDataType,
        (call, data, cancellationToken) =>
            call.Host.Transactions.RunAsync((context, token) => PrepareAsync(context, data, token), cancellationToken),
        features: features ?? Features);
}

/// <summary>An action that has been prepared. None of its members may throw.</summary>
public abstract class TransactionStep
{
    /// <summary>Makes it final; starts jobs.</summary>
    public virtual ValueTask CommitAsync() => ValueTask.CompletedTask;

    /// <summary>Takes it back.</summary>
    public virtual ValueTask AbortAsync() => ValueTask.CompletedTask;

    /// <summary>After either, when all steps are through: ends drained sections.</summary>
    public virtual ValueTask CleanAsync() => ValueTask.CompletedTask;
}

public interface ITransactionContext
{
    IPluginHost Host { get; }

    /// <summary>The group that jobs of the transaction belong to; null: each for itself.</summary>
    IJobGroup? Jobs { get; }
}

/// <summary>Runs actions all or nothing.</summary>
public interface ITransactions
{
    /// <param name="actions">Type and data of each; the data is validated.</param>
    /// <exception cref="Qmp.QmpException">An action failed; all is as before.</exception>
    ValueTask RunAsync(
        IReadOnlyList<(string Type, JsonElement Data)> actions, ActionCompletionMode mode, CancellationToken cancellationToken);

    /// <summary>One action that the caller has at hand, as a command runs it.</summary>
    ValueTask RunAsync(
        Func<ITransactionContext, CancellationToken, ValueTask<TransactionStep>> prepare, CancellationToken cancellationToken);
}
