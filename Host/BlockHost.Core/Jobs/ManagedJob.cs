// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.Core.Block;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Jobs;

/// <summary>
/// The host's side of one job. Facts and states change under one lock, which is held for moments only; the steps that end a
/// transaction run under the lock of the <see cref="JobGroup"/>, one after another.
/// <code>
///   created ─► running ⇄ paused                      user verbs and drains move the flow (this class's part "Flow")
///                 │
///                 ├──► ready ⇄ standby
///                 ▼      ▼
///               waiting ─► pending ─► concluded ─► null   the group moves the end (part "Ending")
///                 └──► aborting ◄──┘────▲
/// </code>
/// </summary>
internal sealed partial class ManagedJob : IJob, IJobSetup, IJobContext, IDrainedUser
{
    private readonly Lock _state = new();
    private readonly JobRegistry _registry;
    private readonly JobRequest _request;
    private readonly JobGroup _group;
    private readonly JobProgress _progress;
    private readonly RateLimit _rate;
    private readonly IDisposable? _typeUse;
    private JobStatus _status;
    private JobIoStatus _ioStatus;
    private BackgroundJob? _work;
    private string? _error;

    public ManagedJob(JobRegistry registry, JobRequest request, IDisposable? typeUse)
    {
        _registry = registry;
        _request = request;
        _typeUse = typeUse;
        _group = request.Group as JobGroup ?? new JobGroup();
        _progress = new JobProgress(registry.Clock);
        _rate = new RateLimit(registry.Clock);
        _group.Add(this);
    }

    public string? Id => _request.Id;

    public JobType Type => _request.Type;

    public IPluginHost Host => _registry.Host;

    public bool AutoFinalize => (_request.Flags & JobFlags.ManualFinalize) == 0;

    public bool AutoDismiss => (_request.Flags & JobFlags.ManualDismiss) == 0;

    public JobInfo Info
    {
        get
        {
            lock (_state)
            {
                var progress = _progress.Read();
                return new JobInfo
                {
                    Status = _status,
                    Current = progress.Current,
                    Total = progress.Total,
                    Error = _error,
                    Paused = _pauseCount > 0,
                    UserPaused = _userPaused,
                    Busy = _busy,
                    Speed = _rate.Speed,
                    IoStatus = _ioStatus,
                    AutoFinalize = AutoFinalize,
                    AutoDismiss = AutoDismiss,
                    Rate = progress.Rate,
                    Elapsed = progress.Elapsed,
                };
            }
        }
    }

    IJob IJobSetup.Job => this;

    IJobContext IJobSetup.Context => this;

    public void Created() => MoveTo(JobStatus.Created);

    private void MoveTo(JobStatus next)
    {
        lock (_state)
        {
            if (!JobTables.Allows(_status, next))
                throw new InvalidOperationException($"A job cannot go from {_status} to {next}");
            var changed = _status != next;
            _status = next;
            if (changed && Id is { } id)
                _registry.Events.Emit(JobEvents.StatusChange, new JobStatusChangeEvent { Id = id, Status = next });
        }
    }

    /// <exception cref="QmpException">With QEMU's text.</exception>
    private void Check(JobVerb verb)
    {
        if (!JobTables.Allows(_status, verb))
            throw new QmpException(
                $"Job '{Id}' in state '{JobTables.NameOf(_status)}' cannot accept command verb '{JobTables.NameOf(verb)}'");
    }

    private BlockJobFactsEvent Facts()
    {
        var (current, total, _, _) = _progress.Read();
        return new BlockJobFactsEvent
        {
            Type = Type.Name,
            Device = Id ?? "",
            Length = total,
            Offset = current,
            Speed = _rate.Speed,
        };
    }

    private void EmitEnd(bool cancelled)
    {
        if (!Type.IsBlockJob || Id is null)
            return;
        var facts = Facts();
        if (cancelled)
        {
            _registry.Events.Emit(JobEvents.Cancelled, facts);
            return;
        }

        _registry.Events.Emit(JobEvents.Completed, new BlockJobEndEvent
        {
            Type = facts.Type,
            Device = facts.Device,
            Length = facts.Length,
            Offset = facts.Offset,
            Speed = facts.Speed,
            Error = _error,
        });
    }

    private void EmitError(bool isRead, JobErrorAction action)
    {
        if (!Type.IsBlockJob || Id is not { } id)
            return;
        _registry.Events.Emit(JobEvents.Error, new BlockJobErrorEvent
        {
            Device = id,
            Operation = isRead ? IoErrorOperation.Read : IoErrorOperation.Write,
            Action = action switch
            {
                JobErrorAction.Ignore => IoErrorAction.Ignore,
                JobErrorAction.Stop => IoErrorAction.Stop,
                _ => IoErrorAction.Report,
            },
        });
    }
}
