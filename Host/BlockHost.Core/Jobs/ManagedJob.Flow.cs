// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Jobs;

namespace BlockHost.Core.Jobs;

/// <summary>The job's own flow: running, pausing, sleeping, and being quiet.</summary>
internal sealed partial class ManagedJob
{
    private readonly TaskCompletionSource _bodyEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _cancellation = new();

    // A job that has not started counts as paused once: starting it takes that back.
    private int _pauseCount = 1;
    private bool _paused = true;
    private bool _userPaused;
    private bool _busy;
    private bool _started;
    private bool _isBodyEnded;
    private bool _cancelRequested;
    private bool _forceCancelled;
    private bool _wakePending;
    private int _changingGraph;
    private JobStatus _resumeTo;
    private TaskCompletionSource? _resumed;
    private TaskCompletionSource? _sleep;
    private TaskCompletionSource? _quiet;

    public bool IsCancelled => Volatile.Read(ref _forceCancelled);

    public bool IsCancelRequested => Volatile.Read(ref _cancelRequested);

    public bool ShouldPause => Volatile.Read(ref _pauseCount) > 0;

    public long Speed
    {
        get
        {
            lock (_state)
                return _rate.Speed;
        }
    }

    public void Start()
    {
        lock (_state)
        {
            if (_started || _work is null)
                throw new InvalidOperationException("A job is started once, after it was given its work");
            // A user may have cancelled it meanwhile: then it has ended.
            if (_status != JobStatus.Created)
                return;
            _pauseCount--;
            _started = true;
            _registry.Figures.AddStarted(Type.Name);
            _busy = true;
            _paused = false;
            _progress.Start();
            MoveTo(JobStatus.Running);
        }

        // The first pause point is reached before this returns: a job on drained nodes is paused from the start.
        _ = RunAsync(_work);
    }

    public ValueTask PausePointAsync() => ShouldPause ? PauseHereAsync() : ValueTask.CompletedTask;

    public async ValueTask ThrottleAsync(long bytes)
    {
        var delay = Charge(bytes);
        if (delay == TimeSpan.Zero)
            await PausePointAsync().ConfigureAwait(false);
        for (; delay > TimeSpan.Zero && !IsCancelled; delay = Charge(0))
            await SleepAsync(delay).ConfigureAwait(false);
    }

    public TimeSpan Charge(long bytes)
    {
        lock (_state)
            return _rate.Charge(bytes);
    }

    public async ValueTask SleepAsync(TimeSpan duration)
    {
        if (BeginSleep(duration, out var alarm) is { } sleep)
        {
            await using (alarm!.ConfigureAwait(false))
                await sleep.Task.ConfigureAwait(false);
        }

        await PausePointAsync().ConfigureAwait(false);
    }

    public void Wake()
    {
        lock (_state)
        {
            if (_sleep is null)
                _wakePending = true;
            else
                EndSleep();
        }
    }

    public void AddProgress(long done) => _progress.Add(done);

    public void SetRemaining(long remaining) => _progress.SetRemaining(remaining);

    public void AddRemaining(long delta) => _progress.AddRemaining(delta);

    public void SetReady()
    {
        lock (_state)
        {
            MoveTo(JobStatus.Ready);
            if (Type.IsBlockJob && Id is not null)
                _registry.Events.Emit(JobEvents.Ready, Facts());
        }
    }

    public JobErrorAction HandleError(BlockdevOnError policy, bool isRead, int errno)
    {
        var action = policy switch
        {
            BlockdevOnError.Ignore => JobErrorAction.Ignore,
            BlockdevOnError.Stop => JobErrorAction.Stop,
            BlockdevOnError.Enospc or BlockdevOnError.Auto when errno == Errno.ENOSPC => JobErrorAction.Stop,
            _ => JobErrorAction.Report,
        };
        lock (_state)
        {
            EmitError(isRead, action);
            if (action != JobErrorAction.Stop)
                return action;
            if (!_userPaused)
            {
                _userPaused = true;
                _pauseCount++;
            }

            // The first error is what the user has to see to.
            if (_ioStatus == JobIoStatus.Ok)
                _ioStatus = errno == Errno.ENOSPC ? JobIoStatus.NoSpace : JobIoStatus.Failed;
            return action;
        }
    }

    public IDisposable ChangeGraph()
    {
        lock (_state)
        {
            _changingGraph++;
            QuietChanged();
        }

        return new GraphChange(this);
    }

    public void DrainBegin()
    {
        lock (_state)
            AddPause();
    }

    public Task WhenQuiet()
    {
        lock (_state)
        {
            if (IsQuiet)
                return Task.CompletedTask;
            _quiet ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _quiet.Task;
        }
    }

    public void DrainEnd()
    {
        lock (_state)
            EndPause();
    }

    private bool IsQuiet => !_started || _isBodyEnded || !_busy || _changingGraph > 0;

    private async Task RunAsync(BackgroundJob work)
    {
        string? error = null;
        try
        {
            await PausePointAsync().ConfigureAwait(false);
            await Task.Run(() => work.RunAsync(this, _cancellation.Token)).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            error = ErrorOf(e);
        }

        lock (_state)
        {
            _error = error;
            _isBodyEnded = true;
            _busy = false;
            _progress.Stop();
            QuietChanged();
        }

        _bodyEnded.SetResult();
        await ExitAsync().ConfigureAwait(false);
    }

    private async ValueTask PauseHereAsync()
    {
        if (IsCancelled)
            return;
        await _work!.PausingAsync(_cancellation.Token).ConfigureAwait(false);
        if (BeginPause() is { } paused)
            await paused.Task.ConfigureAwait(false);
        _work.Resumed();
    }

    private TaskCompletionSource? BeginPause()
    {
        lock (_state)
        {
            if (_pauseCount == 0 || _forceCancelled)
                return null;
            _resumeTo = _status;
            _paused = true;
            _busy = false;
            _progress.Stop();
            MoveTo(_status == JobStatus.Ready ? JobStatus.Standby : JobStatus.Paused);
            QuietChanged();
            return _resumed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Back to the state before the pause, at once: whoever asked for it sees the event before its answer.</summary>
    private void LeavePause()
    {
        if (_resumed is not { } resumed)
            return;
        _resumed = null;
        _paused = false;
        _busy = true;
        _progress.Start();
        MoveTo(_resumeTo);
        resumed.SetResult();
    }

    private void AddPause()
    {
        _pauseCount++;
        if (!_paused)
            EndSleep();
    }

    private void EndPause()
    {
        if (--_pauseCount == 0)
            LeavePause();
    }

    /// <summary>Who sees the job asleep sees it with its alarm set.</summary>
    private TaskCompletionSource? BeginSleep(TimeSpan duration, out ITimer? alarm)
    {
        alarm = null;
        lock (_state)
        {
            var wake = _wakePending;
            _wakePending = false;
            if (wake || _forceCancelled || _pauseCount > 0)
                return null;
            _busy = false;
            var sleep = _sleep = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            alarm = _registry.Clock.CreateTimer(_ => WakeFrom(sleep), state: null, duration, Timeout.InfiniteTimeSpan);
            QuietChanged();
            return sleep;
        }
    }

    private void WakeFrom(TaskCompletionSource sleep)
    {
        lock (_state)
        {
            if (_sleep == sleep)
                EndSleep();
        }
    }

    private void EndSleep()
    {
        if (_sleep is not { } sleep)
            return;
        _sleep = null;
        _busy = true;
        sleep.SetResult();
    }

    private void QuietChanged()
    {
        if (!IsQuiet || _quiet is not { } quiet)
            return;
        _quiet = null;
        quiet.SetResult();
    }

    private sealed class GraphChange(ManagedJob job) : IDisposable
    {
        private int _ended;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _ended, 1) != 0)
                return;
            lock (job._state)
                job._changingGraph--;
        }
    }
}
