// SPDX-License-Identifier: MIT
using BlockHost.Jobs;

namespace BlockHost.Core.Jobs;

/// <summary>
/// Jobs that succeed or fail together; every job is in one, if only by itself. Its lock orders the end of its jobs and the
/// verbs that meet it.
/// </summary>
internal sealed class JobGroup : IJobGroup
{
    private readonly SemaphoreSlim _ending = new(1);
    private readonly Lock _lock = new();
    private readonly List<ManagedJob> _members = [];
    private bool _aborting;

    public async ValueTask<Ending> EnterAsync()
    {
        await _ending.WaitAsync().ConfigureAwait(false);
        return new Ending(_ending);
    }

    public void Add(ManagedJob job)
    {
        lock (_lock)
            _members.Insert(0, job);
    }

    public void Remove(ManagedJob job)
    {
        lock (_lock)
            _members.Remove(job);
    }

    /// <summary>The job's work is done: it waits for the others, or all go on.</summary>
    public async ValueTask SucceedAsync(ManagedJob job)
    {
        job.BecomeWaiting();
        var members = Members;
        if (members.Any(member => !member.IsCompleted))
            return;
        foreach (var member in members)
            member.BecomePending();
        if (members.All(member => member.AutoFinalize))
            await FinalizeAsync().ConfigureAwait(false);
    }

    /// <summary>All members are pending: the last step that can fail, then the end of each.</summary>
    public async ValueTask FinalizeAsync()
    {
        foreach (var member in Members)
        {
            if (await member.PrepareAsync().ConfigureAwait(false))
                continue;
            await AbortAsync(member).ConfigureAwait(false);
            return;
        }

        foreach (var member in Members)
            await member.FinalizeSingleAsync().ConfigureAwait(false);
    }

    /// <summary>One has failed or was cancelled: so do the others.</summary>
    public async ValueTask AbortAsync(ManagedJob job)
    {
        if (_aborting)
            return;
        _aborting = true;
        foreach (var other in Members.Where(member => member != job))
            other.CancelForGroup();
        while (Members.FirstOrDefault() is { } member)
        {
            if (!member.IsCompleted)
                await member.FinishAsync().ConfigureAwait(false);
            await member.FinalizeSingleAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Newest first.</summary>
    private IReadOnlyList<ManagedJob> Members
    {
        get
        {
            lock (_lock)
                return [.. _members];
        }
    }

    internal readonly struct Ending(SemaphoreSlim ending) : IDisposable
    {
        public void Dispose() => ending.Release();
    }
}
