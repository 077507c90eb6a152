// SPDX-License-Identifier: MIT
using BlockHost.Jobs;
using BlockHost.Plugins.Commands.Job.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Job.Commands;

/// <summary>The older commands, which know block jobs only and mostly call their id "device".</summary>
internal static class BlockJobCommands
{
    public static void Register(IPluginRegistry registry)
    {
        registry.Add(ByDevice("block-job-pause", (job, _) => job.PauseAsync()));
        registry.Add(ByDevice("block-job-resume", (job, _) => job.ResumeAsync()));
        registry.Add(ByDevice("block-job-complete", (job, cancellationToken) => job.CompleteAsync(cancellationToken)));
        registry.Add(ById("block-job-dismiss", job => job.DismissAsync()));
        registry.Add(ById("block-job-finalize", job => job.FinalizeAsync()));
        registry.Add(QmpCommand.CreateAction("block-job-cancel", () => JobJson.Default.BlockJobCancelArguments, CancelAsync));
        registry.Add(QmpCommand.CreateAction(
            "block-job-set-speed",
            () => JobJson.Default.BlockJobSetSpeedArguments,
            (call, arguments, _) => Find(call, arguments.Device).SetSpeedAsync(arguments.Speed)));
        registry.Add(QmpCommand.CreateQuery(
            "query-block-jobs",
            () => JobJson.Default.IReadOnlyListBlockJobInfo,
            (call, _) =>
                new ValueTask<IReadOnlyList<BlockJobInfo>>(
                    [.. call.Host.Jobs.List().Where(job => job.Type.IsBlockJob).Select(BlockJobInfo.Of)])));
    }

    private static ValueTask CancelAsync(IQmpCall call, BlockJobCancelArguments arguments, CancellationToken cancellationToken)
    {
        var job = Find(call, arguments.Device);
        var force = arguments.Force ?? false;
        if (job.Info.UserPaused && !force)
            throw new QmpException($"The block job for device '{arguments.Device}' is currently paused");
        return job.CancelAsync(force);
    }

    private static QmpCommand ByDevice(string name, Func<IJob, CancellationToken, ValueTask> verb) => QmpCommand.CreateAction(
        name,
        () => JobJson.Default.BlockJobDeviceArguments,
        (call, arguments, cancellationToken) => verb(Find(call, arguments.Device), cancellationToken));

    private static QmpCommand ById(string name, Func<IJob, ValueTask> verb) => QmpCommand.CreateAction(
        name,
        () => JobJson.Default.JobIdArguments,
        (call, arguments, _) => verb(Find(call, arguments.Id)));

    private static IJob Find(IQmpCall call, string id) => call.Host.Jobs.TryGet(id, out var job) && job.Type.IsBlockJob
        ? job
        : throw new QmpException(QmpErrorClass.DeviceNotActive, $"Block job '{id}' not found");
}
