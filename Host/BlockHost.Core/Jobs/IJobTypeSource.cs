// SPDX-License-Identifier: MIT
using BlockHost.Jobs;

namespace BlockHost.Core.Jobs;

/// <summary>Where the host finds what plugins provide for jobs; the plugin registry stands behind it.</summary>
public interface IJobTypeSource
{
    /// <summary>Keeps the plugin of a job type loaded until the answer is disposed; null where no plugin provides it.</summary>
    ValueTask<IDisposable?> UseJobTypeAsync(JobType type, string user, CancellationToken cancellationToken);

    /// <summary>The action of that name and what keeps its plugin loaded; null where nobody provides it.</summary>
    ValueTask<TransactionActionLease?> AcquireActionAsync(string type, CancellationToken cancellationToken);
}

/// <summary>An action in use; its plugin stays loaded until this is disposed.</summary>
public sealed class TransactionActionLease(TransactionAction action, IDisposable? use) : IDisposable
{
    public TransactionAction Action { get; } = action;

    public void Dispose() => use?.Dispose();
}
