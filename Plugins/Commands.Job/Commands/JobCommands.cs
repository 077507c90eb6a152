// SPDX-License-Identifier: MIT
using BlockHost.Jobs;
using BlockHost.Plugins.Commands.Job.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Job.Commands;

/// <summary>job-pause and its like, query-jobs, and a query of progress that QEMU has not.</summary>
internal static class JobCommands
{
    public static void Register(IPluginRegistry registry)
    {
        registry.Add(Verb("job-pause", (job, _) => job.PauseAsync()));
        registry.Add(Verb("job-resume", (job, _) => job.ResumeAsync()));
        registry.Add(Verb("job-cancel", (job, _) => job.CancelAsync(force: true)));
        registry.Add(Verb("job-complete", (job, cancellationToken) => job.CompleteAsync(cancellationToken)));
        registry.Add(Verb("job-dismiss", (job, _) => job.DismissAsync()));
        registry.Add(Verb("job-finalize", (job, _) => job.FinalizeAsync()));
        registry.Add(QmpCommand.CreateQuery(
            "query-jobs",
            () => JobJson.Default.IReadOnlyListJobInfoEntry,
            (call, _) => new ValueTask<IReadOnlyList<JobInfoEntry>>([.. call.Host.Jobs.List().Select(JobInfoEntry.Of)])));
        registry.Add(QmpCommand.CreateQuery(
            "x-blockhost-query-job-progress",
            () => JobJson.Default.IReadOnlyListJobProgressEntry,
            (call, _) => new ValueTask<IReadOnlyList<JobProgressEntry>>([.. call.Host.Jobs.List().Select(JobProgressEntry.Of)])));
    }

    private static QmpCommand Verb(string name, Func<IJob, CancellationToken, ValueTask> verb) => QmpCommand.CreateAction(
        name,
        () => JobJson.Default.JobIdArguments,
        (call, arguments, cancellationToken) => call.Host.Jobs.TryGet(arguments.Id, out var job)
            ? verb(job, cancellationToken)
            : throw new QmpException("Job not found"));
}
