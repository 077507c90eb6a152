// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands.Bitmaps;

/// <summary>A change of a bitmap, by itself or with others in a transaction.</summary>
internal abstract class BitmapAction(string name) : TransactionAction
{
    public override string Name => name;

    public abstract QmpCommand AsCommand();
}

/// <param name="prepare">Does the work and returns how it is taken back.</param>
internal sealed class BitmapAction<T>(string name, JsonTypeInfo<T> type, Func<IPluginHost, T, CancellationToken, ValueTask<TransactionStep>> prepare) : BitmapAction(name)
{
    public override JsonTypeInfo DataType => type;

    public override ValueTask<TransactionStep> PrepareAsync(ITransactionContext context, JsonElement data, CancellationToken cancellationToken) =>
        prepare(context.Host, data.Deserialize(type)!, cancellationToken);

    // Not as a transaction of one: nothing needs to stand still for it, and jobs would be seen to pause.
    public override QmpCommand AsCommand() => QmpCommand.CreateAction(
        Name,
        type,
        async (call, arguments, cancellationToken) =>
        {
            var step = await prepare(call.Host, arguments, cancellationToken).ConfigureAwait(false);
            await step.CommitAsync().ConfigureAwait(false);
            await step.CleanAsync().ConfigureAwait(false);
        });
}

/// <summary>A change that has been made.</summary>
internal sealed class BitmapStep(Func<ValueTask> undo, Action? commit = null) : TransactionStep
{
    public BitmapStep(Action undo, Action? commit = null)
        : this(
            () =>
            {
                undo();
                return ValueTask.CompletedTask;
            },
            commit)
    {
    }

    public override ValueTask CommitAsync()
    {
        commit?.Invoke();
        return ValueTask.CompletedTask;
    }

    public override ValueTask AbortAsync() => undo();
}
