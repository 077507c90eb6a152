// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using BlockHost.Core.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Jobs.Tests.Support;

/// <summary>A registry of jobs without plugins and graph; keeps the events as short lines.</summary>
internal sealed class JobBed : IJobTypeSource, IQmpEvents
{
    private readonly List<string> _events = [];

    public JobBed()
    {
        Jobs = new JobRegistry(this, this, Clock, () => Mock.Of<IPluginHost>());
    }

    public ManualClock Clock { get; } = new();

    public JobRegistry Jobs { get; }

    /// <summary>"created a", "BLOCK_JOB_COMPLETED a", "BLOCK_JOB_COMPLETED a: Input/output error", …</summary>
    public IReadOnlyList<string> Events
    {
        get
        {
            lock (_events)
                return [.. _events];
        }
    }

    public async Task<(IJob Job, ScriptedJob Work)> StartAsync(
        string? id,
        JobFlags flags = JobFlags.None,
        IJobGroup? group = null,
        bool isBlockJob = true,
        Action<ScriptedJob>? with = null)
    {
        var (setup, work) = await CreateAsync(id, flags, group, isBlockJob);
        with?.Invoke(work);
        setup.Start();
        await work.SettledAsync(setup.Job);
        return (setup.Job, work);
    }

    public async Task<(IJobSetup Setup, ScriptedJob Work)> CreateAsync(
        string? id, JobFlags flags = JobFlags.None, IJobGroup? group = null, bool isBlockJob = true)
    {
        var setup = await Jobs.CreateAsync(
            new JobRequest { Type = new ScriptedType(isBlockJob), Id = id, Flags = flags, Group = group },
            CancellationToken.None);
        var work = new ScriptedJob();
        setup.SetWork(work);
        return (setup, work);
    }

    /// <summary>The events since the last call, after <paramref name="awaited"/> has come.</summary>
    public async Task<IReadOnlyList<string>> TakeAsync(string? awaited = null)
    {
        if (awaited is not null)
            await Eventually.HoldsAsync(
                () => Events.Contains(awaited), () => $"no event '{awaited}', but: {string.Join(", ", Events)}");
        lock (_events)
        {
            string[] taken = [.. _events];
            _events.Clear();
            return taken;
        }
    }

    public void Emit<T>(QmpEvent<T> qmpEvent, T data)
    {
        var json = qmpEvent.Serialize(data);
        var id = (json.TryGetProperty("id", out var name) ? name : json.GetProperty("device")).GetString();
        var line = qmpEvent.Name == "JOB_STATUS_CHANGE"
            ? $"{json.GetProperty("status").GetString()} {id}"
            : $"{qmpEvent.Name} {id}";
        if (json.TryGetProperty("action", out var action))
            line += $" {json.GetProperty("operation").GetString()} {action.GetString()}";
        if (json.TryGetProperty("error", out var error))
            line += $": {error.GetString()}";
        lock (_events)
            _events.Add(line);
    }

    public void Emit(QmpSignal signal) => throw new UnreachableException();

    public ValueTask<IDisposable?> UseJobTypeAsync(JobType type, string user, CancellationToken cancellationToken) =>
        new((IDisposable?)null);

    public ValueTask<TransactionActionLease?> AcquireActionAsync(string type, CancellationToken cancellationToken) =>
        new((TransactionActionLease?)null);

    private sealed class ScriptedType(bool isBlockJob) : JobType
    {
        public override string Name => "scripted";

        public override bool IsBlockJob => isBlockJob;
    }
}
