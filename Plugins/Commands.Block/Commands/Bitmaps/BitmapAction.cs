// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block.Bitmaps;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands.Bitmaps;

/// <summary>A change of a bitmap, by itself or with others in a transaction.</summary>
/// <param name="prepare">Does the work and returns how it is taken back.</param>
internal sealed class BitmapAction<T>(
    string name, Func<JsonTypeInfo<T>> type, Func<IPluginHost, T, CancellationToken, ValueTask<TransactionStep>> prepare)
    : TransactionAction<T>
    where T : class
{
    public override string Name => name;

    protected override JsonTypeInfo<T> TypedDataType => type();

    // Not as a transaction of one: nothing needs to stand still for it, and jobs would be seen to pause.
    public override QmpCommand AsCommand(IReadOnlyList<string>? features = null) => QmpCommand.CreateAction(
        Name,
        type,
        async (call, arguments, cancellationToken) =>
        {
            var step = await prepare(call.Host, arguments, cancellationToken).ConfigureAwait(false);
            await step.CommitAsync().ConfigureAwait(false);
            await step.CleanAsync().ConfigureAwait(false);
        });

    protected override ValueTask<TransactionStep> PrepareAsync(
        ITransactionContext context, T arguments, CancellationToken cancellationToken) =>
        prepare(context.Host, arguments, cancellationToken);
}

/// <summary>A change that has been made. Whether it stays or not, an image that follows its bitmaps learns of it.</summary>
internal sealed class BitmapStep(IDirtyBitmaps owner, Action undo, Action? commit = null) : TransactionStep
{
    public override ValueTask CommitAsync()
    {
        commit?.Invoke();
        return ValueTask.CompletedTask;
    }

    public override ValueTask AbortAsync()
    {
        undo();
        return ValueTask.CompletedTask;
    }

    public override ValueTask CleanAsync() => owner.CheckpointAsync(CancellationToken.None);
}
