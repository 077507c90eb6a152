// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Logging;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Core.Jobs;

/// <summary>The jobs that exist.</summary>
public sealed class JobRegistry(
    IJobTypeSource types, IQmpEvents events, TimeProvider clock, Func<IPluginHost> host) : IJobs, IAsyncDisposable
{
    private readonly Lock _lock = new();
    private ImmutableList<ManagedJob> _jobs = [];

    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;

    public PluginFaults Faults { get; init; } = new(() => [], NullLoggerFactory.Instance);

    internal ILogger Log => field ??= Loggers.CreateLogger(LogCategories.Job);

    internal JobFigures Figures { get; } = new();

    internal IQmpEvents Events => events;

    internal TimeProvider Clock => clock;

    internal IPluginHost Host => host();

    public IReadOnlyList<IJob> List() => [.. _jobs.Where(job => job.Id is not null)];

    public bool TryGet(string id, [NotNullWhen(true)] out IJob? job)
    {
        job = _jobs.Find(other => other.Id == id);
        return job is not null;
    }

    public IJobGroup CreateGroup() => new JobGroup();

    public async ValueTask<IJobSetup> CreateAsync(JobRequest request, CancellationToken cancellationToken)
    {
        CheckId(request);
        var use = await types.UseJobTypeAsync(request.Type, $"job '{request.Id}'", cancellationToken).ConfigureAwait(false);
        try
        {
            var job = new ManagedJob(this, request, use);
            lock (_lock)
            {
                CheckId(request);
                _jobs = _jobs.Insert(0, job);
            }

            job.Created();
            return job;
        }
        catch
        {
            use?.Dispose();
            throw;
        }
    }

    /// <summary>The host ends: every job is cancelled and waited for.</summary>
    public async ValueTask DisposeAsync()
    {
        while (_jobs.FirstOrDefault() is { } job)
            await job.EndAsync().ConfigureAwait(false);
    }

    internal void Remove(ManagedJob job)
    {
        lock (_lock)
            _jobs = _jobs.Remove(job);
    }

    private void CheckId(JobRequest request)
    {
        var isInternal = (request.Flags & JobFlags.Internal) != 0;
        if (request.Id is not { } id)
        {
            if (!isInternal)
                throw new QmpException("An explicit job ID is required");
            return;
        }

        if (isInternal)
            throw new QmpException("Cannot specify job ID for internal job");
        if (!NodeNames.IsWellFormed(id))
            throw new QmpException($"Invalid job ID '{id}'");
        if (TryGet(id, out _))
            throw new QmpException($"Job ID '{id}' already in use");
    }
}
