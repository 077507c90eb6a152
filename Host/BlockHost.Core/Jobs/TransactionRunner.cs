// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Jobs;

/// <summary>Runs the actions of a transaction all or nothing.</summary>
public sealed class TransactionRunner(IJobTypeSource source, Func<IPluginHost> host) : ITransactions
{
    public async ValueTask RunAsync(
        IReadOnlyList<(string Type, JsonElement Data)> actions, ActionCompletionMode mode, CancellationToken cancellationToken)
    {
        var leases = new List<TransactionActionLease>();
        try
        {
            foreach (var (type, _) in actions)
            {
                leases.Add(await source.AcquireActionAsync(type, cancellationToken).ConfigureAwait(false)
                    ?? throw new QmpException(ParameterFault.NotAccepted("type", type)));
            }

            await RunAsync(
                [.. actions.Zip(leases, (action, lease) => Prepare(lease.Action, action.Data, mode))],
                mode,
                cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            leases.ForEach(lease => lease.Dispose());
        }
    }

    public ValueTask RunAsync(
        Func<ITransactionContext, CancellationToken, ValueTask<TransactionStep>> prepare, CancellationToken cancellationToken) =>
        RunAsync([prepare], ActionCompletionMode.Individual, cancellationToken);

    private static Func<ITransactionContext, CancellationToken, ValueTask<TransactionStep>> Prepare(
        TransactionAction action, JsonElement data, ActionCompletionMode mode) =>
        (context, cancellationToken) =>
        {
            RefuseGrouped(action, mode);
            return action.PrepareAsync(context, data, cancellationToken);
        };

    private async ValueTask RunAsync(
        IReadOnlyList<Func<ITransactionContext, CancellationToken, ValueTask<TransactionStep>>> actions,
        ActionCompletionMode mode,
        CancellationToken cancellationToken)
    {
        var context = new Context(host(), mode == ActionCompletionMode.Grouped ? host().Jobs.CreateGroup() : null);
        await DrainOnceAsync(context.Host, cancellationToken).ConfigureAwait(false);
        var steps = new List<TransactionStep>();
        try
        {
            foreach (var prepare in actions)
                steps.Add(await prepare(context, cancellationToken).ConfigureAwait(false));
        }
        catch
        {
            for (var i = steps.Count - 1; i >= 0; i--)
                await steps[i].AbortAsync().ConfigureAwait(false);
            await CleanAsync(steps).ConfigureAwait(false);
            throw;
        }

        foreach (var step in steps)
            await step.CommitAsync().ConfigureAwait(false);
        await CleanAsync(steps).ConfigureAwait(false);
    }

    // What was under way when the transaction was asked for is part of what it sees.
    private static async ValueTask DrainOnceAsync(IPluginHost host, CancellationToken cancellationToken)
    {
        var drained = await host.Graph.DrainAsync(node: null, cancellationToken).ConfigureAwait(false);
        await drained.DisposeAsync().ConfigureAwait(false);
    }

    private static async ValueTask CleanAsync(List<TransactionStep> steps)
    {
        foreach (var step in steps)
            await step.CleanAsync().ConfigureAwait(false);
    }

    private static void RefuseGrouped(TransactionAction action, ActionCompletionMode mode)
    {
        if (mode == ActionCompletionMode.Grouped && !action.SupportsGrouped)
            throw new QmpException($"Action '{action.Name}' does not support Transaction property completion-mode = grouped");
    }

    private sealed class Context(IPluginHost host, IJobGroup? jobs) : ITransactionContext
    {
        public IPluginHost Host => host;

        public IJobGroup? Jobs => jobs;
    }
}
