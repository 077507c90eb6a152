// SPDX-License-Identifier: MIT
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Core.Jobs;

/// <summary>What users ask of the job.</summary>
internal sealed partial class ManagedJob
{
    public ValueTask PauseAsync()
    {
        lock (_state)
        {
            Check(JobVerb.Pause);
            if (_userPaused)
                throw new QmpException("Job is already paused");
            _userPaused = true;
            AddPause();
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask ResumeAsync()
    {
        lock (_state)
        {
            if (!_userPaused || _pauseCount == 0)
                throw new QmpException("Can't resume a job that was not paused");
            Check(JobVerb.Resume);
            EndUserPause();
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask SetSpeedAsync(long bytesPerSecond)
    {
        lock (_state)
        {
            Check(JobVerb.SetSpeed);
            if (bytesPerSecond < 0)
                throw new QmpException(ParameterFault.OutOfRange("speed", "a non-negative value"));
            var old = _rate.Speed;
            _rate.Speed = bytesPerSecond;
            _work?.SpeedChanged(bytesPerSecond);
            if (bytesPerSecond == 0 || bytesPerSecond > old)
                EndSleep();
        }

        return ValueTask.CompletedTask;
    }

    public async ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        lock (_state)
        {
            Check(JobVerb.Complete);
            if (_cancelRequested || _work is not { CanComplete: true })
                throw new QmpException($"The active block job '{Id}' cannot be completed");
        }

        await _work.CompleteAsync(cancellationToken).ConfigureAwait(false);
        Wake();
    }

    public async ValueTask CancelAsync(bool force)
    {
        lock (_state)
        {
            Check(JobVerb.Cancel);
            if (_started && !_isBodyEnded)
            {
                CancelFlow(force);
                return;
            }
        }

        using var ending = await EnterForAsync(JobVerb.Cancel).ConfigureAwait(false);
        await CancelEndedAsync(force).ConfigureAwait(false);
    }

    public async ValueTask FinalizeAsync()
    {
        using var ending = await EnterForAsync(JobVerb.Finalize).ConfigureAwait(false);
        await _group.FinalizeAsync().ConfigureAwait(false);
    }

    public async ValueTask DismissAsync()
    {
        using var ending = await EnterForAsync(JobVerb.Dismiss).ConfigureAwait(false);
        await VanishAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Waits for the group's turn where the verb is accepted now, and looks again: another end may have come first. A refusal
    /// does not wait.
    /// </summary>
    private async ValueTask<JobGroup.Ending> EnterForAsync(JobVerb verb)
    {
        lock (_state)
            Check(verb);
        var ending = await _group.EnterAsync().ConfigureAwait(false);
        try
        {
            lock (_state)
                Check(verb);
            return ending;
        }
        catch
        {
            ending.Dispose();
            throw;
        }
    }

    /// <summary>Marks a job whose work is under way, and lets it notice.</summary>
    private void CancelFlow(bool force)
    {
        RequestCancel(force);
        EndSleep();
        if (_forceCancelled || _pauseCount == 0)
            LeavePause();
    }

    /// <summary>Only marks: a paused job is not moved on by this.</summary>
    private void RequestCancel(bool force)
    {
        var forced = _work?.Cancel(force, _status is JobStatus.Ready or JobStatus.Standby) ?? true;
        if (_userPaused)
        {
            _work?.UserResumed();
            _ioStatus = JobIoStatus.Ok;
            _userPaused = false;
            _pauseCount--;
        }

        // A job that is done already takes no notice of being asked softly.
        if (!forced && _isBodyEnded)
            return;
        _cancelRequested = true;
        _forceCancelled |= forced;
        if (_forceCancelled)
            _ = _cancellation.CancelAsync();
    }

    private void EndUserPause()
    {
        _work?.UserResumed();
        _ioStatus = JobIoStatus.Ok;
        _userPaused = false;
        EndPause();
    }
}
