// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;

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
public abstract class TransactionAction
{
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
    public abstract ValueTask<TransactionStep> PrepareAsync(ITransactionContext context, JsonElement data, CancellationToken cancellationToken);
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
    ValueTask RunAsync(IReadOnlyList<(string Type, JsonElement Data)> actions, ActionCompletionMode mode, CancellationToken cancellationToken);

    /// <summary>One action, as the command of the same name runs it.</summary>
    ValueTask RunAsync(TransactionAction action, JsonElement data, CancellationToken cancellationToken);
}
