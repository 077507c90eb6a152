// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Core.Logging;
using BlockHost.Core.Plugins;
using BlockHost.Jobs;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Jobs;

/// <summary>The end of a job, by itself or with its group. Everything here runs under the group's lock.</summary>
internal sealed partial class ManagedJob
{
    private readonly TaskCompletionSource<string?> _concluded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<string?> Concluded => _concluded.Task;

    /// <summary>The job's work is over and its part of the end has begun.</summary>
    public bool IsCompleted =>
        _status is JobStatus.Waiting or JobStatus.Pending or JobStatus.Aborting or JobStatus.Concluded or JobStatus.Null;

    public bool IsGone => _status == JobStatus.Null;

    public void SetWork(BackgroundJob work)
    {
        lock (_state)
        {
            if (_work is not null || _started)
                throw new InvalidOperationException("A job has one work");
            _work = work;
            if (!IsCompleted)
                return;
        }

        // A user has cancelled the job while it was set up: its end has passed without this work.
        _ = DropAsync(work);
    }

    public async ValueTask FailAsync()
    {
        using var ending = await _group.EnterAsync().ConfigureAwait(false);
        if (_status != JobStatus.Created)
            return;
        _group.Remove(this);
        await VanishAsync().ConfigureAwait(false);
    }

    public async ValueTask CancelAsync()
    {
        using var ending = await _group.EnterAsync().ConfigureAwait(false);
        if (!IsCompleted)
            await CancelEndedAsync(force: true).ConfigureAwait(false);
    }

    /// <summary>The host ends: waits until nothing is left of the job.</summary>
    public async ValueTask EndAsync()
    {
        lock (_state)
        {
            if (_started && !_isBodyEnded)
                CancelFlow(force: true);
        }

        if (_started)
            await _bodyEnded.Task.ConfigureAwait(false);
        using (await _group.EnterAsync().ConfigureAwait(false))
        {
            if (_status == JobStatus.Concluded)
                await VanishAsync().ConfigureAwait(false);
            else if (!IsGone)
                await CancelEndedAsync(force: true).ConfigureAwait(false);
            if (_status == JobStatus.Concluded)
                await VanishAsync().ConfigureAwait(false);
        }

        await _gone.Task.ConfigureAwait(false);
    }

    /// <summary>Force-cancels a member of an aborting group.</summary>
    public void CancelForGroup()
    {
        lock (_state)
            RequestCancel(force: true);
    }

    /// <summary>Waits for the work of a cancelled member of an aborting group.</summary>
    public async ValueTask FinishAsync()
    {
        lock (_state)
        {
            EndSleep();
            LeavePause();
        }

        if (_started)
            await _bodyEnded.Task.ConfigureAwait(false);
        UpdateResult();
    }

    public void BecomeWaiting() => MoveTo(JobStatus.Waiting);

    public void BecomePending()
    {
        MoveTo(JobStatus.Pending);
        if (!AutoFinalize && Type.IsBlockJob && Id is { } id)
            _registry.Events.Emit(JobEvents.Pending, new BlockJobPendingEvent { Type = Type.Name, Id = id });
    }

    /// <returns>Whether the job can be committed.</returns>
    public async ValueTask<bool> PrepareAsync()
    {
        if (_error is null && _work is not null)
        {
            try
            {
                await _work.PrepareAsync(CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                SetError(ErrorOf(e) ?? ErrnoText.Of(Errno.ECANCELED));
                UpdateResult();
            }
        }

        return _error is null;
    }

    /// <summary>Commits or aborts the work, cleans up, tells of it, and leaves the group.</summary>
    public async ValueTask FinalizeSingleAsync()
    {
        UpdateResult();
        if (_work is { } work)
        {
            await SafelyAsync(_error is null ? work.CommitAsync : work.AbortAsync).ConfigureAwait(false);
            await SafelyAsync(work.CleanAsync).ConfigureAwait(false);
        }

        _group.Remove(this);
        var vanishes = AutoDismiss || !_started;
        // Who hears of the end may at once use the nodes and the id again.
        if (vanishes)
        {
            await ReleaseNodesAsync().ConfigureAwait(false);
            _registry.Remove(this);
        }

        if (_started)
        {
            _registry.Figures.AddEnded(Type.Name, Result);
            EmitEnd(cancelled: _forceCancelled);
        }

        MoveTo(JobStatus.Concluded);
        _concluded.TrySetResult(_error);
        if (vanishes)
            await VanishAsync().ConfigureAwait(false);
    }

    private JobResult Result => _forceCancelled ? JobResult.Cancelled : _error is null ? JobResult.Completed : JobResult.Failed;

    /// <summary>A job whose work is not under way: never started, or done and waiting for its end.</summary>
    private async ValueTask CancelEndedAsync(bool force)
    {
        lock (_state)
        {
            // It may have been started since.
            if (_started && !_isBodyEnded)
            {
                CancelFlow(force);
                return;
            }

            RequestCancel(force);
            if (!_started)
                UpdateResult();
        }

        if (_cancelRequested)
            await _group.AbortAsync(this).ConfigureAwait(false);
    }

    /// <summary>
    /// The work has ended: the job waits for its group, or takes it down. An aborting group sees to its members itself.
    /// </summary>
    private async Task ExitAsync()
    {
        using var ending = await _group.EnterAsync().ConfigureAwait(false);
        if (IsCompleted)
            return;
        UpdateResult();
        if (_error is null)
            await _group.SucceedAsync(this).ConfigureAwait(false);
        else
            await _group.AbortAsync(this).ConfigureAwait(false);
    }

    private void UpdateResult()
    {
        lock (_state)
        {
            if (_error is null && _forceCancelled)
                _error = ErrnoText.Of(Errno.ECANCELED);
            if (_error is not null)
                MoveTo(JobStatus.Aborting);
        }
    }

    private async ValueTask VanishAsync()
    {
        await ReleaseNodesAsync().ConfigureAwait(false);
        _registry.Remove(this);
        lock (_state)
        {
            _busy = false;
            _paused = false;
            MoveTo(JobStatus.Null);
        }

        if (_work is { } work)
            await SafelyAsync(work.DisposeAsync).ConfigureAwait(false);
        _typeUse?.Dispose();
        _concluded.TrySetResult(_error);
        _gone.TrySetResult();
    }

    private async Task DropAsync(BackgroundJob work)
    {
        await SafelyAsync(work.AbortAsync).ConfigureAwait(false);
        await SafelyAsync(work.CleanAsync).ConfigureAwait(false);
        await SafelyAsync(work.DisposeAsync).ConfigureAwait(false);
    }

    /// <summary>A step that must not fail: if it does, the job has an error to show, and ends all the same.</summary>
    private async ValueTask SafelyAsync(Func<ValueTask> step)
    {
        try
        {
            await step().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            SetError(ErrorOf(e) ?? e.Message);
        }
    }

    private void SetError(string error)
    {
        lock (_state)
            _error ??= error;
    }

    /// <summary>What a user is shown; null where the job ended because it was cancelled.</summary>
    private string? ErrorOf(Exception e)
    {
        if (e is OperationCanceledException)
            return null;
        if (!PluginFaults.IsExpected(e))
            return _registry.Faults.Report(e, (_typeUse as PluginUse)?.PluginId, $"in job '{Id}'");
        _registry.Log.JobFailed(Id, Type.Name, e.Message);
        return e.Message;
    }
}
