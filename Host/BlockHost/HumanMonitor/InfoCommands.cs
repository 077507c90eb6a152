// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Images;
using Kind = BlockHost.HumanMonitor.HumanParameterKind;

namespace BlockHost.HumanMonitor;

/// <summary>info …: queries of QMP, as text.</summary>
internal sealed class InfoCommands(Func<ImageOpener> images)
{
    public IReadOnlyList<HumanCommand> All =>
    [
        new(
            "block",
            [new("n", Kind.Flag, true), new("v", Kind.Flag, true), new("device", Kind.Device, true)],
            "[-n] [-v] [device]",
            "show info of one block device or all block devices (-n: show named nodes; -v: show details)",
            (call, cancellationToken) => new BlockText(call, images).PrintAsync(cancellationToken)),
        new("block-jobs", [], "", "show progress of ongoing block device operations", JobsAsync),
        new("blockstats", [], "", "show block device statistics", StatisticsAsync),
        new("chardev", [], "", "show the character devices", ChardevsAsync),
        new("snapshots", [], "", "show the currently saved VM snapshots", SnapshotsAsync),
        new("status", [], "", "show the current VM status (running|paused)", StatusAsync),
        new("version", [], "", "show the version of QEMU", VersionAsync),
    ];

    private static async ValueTask JobsAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var jobs = await call.ExecuteAsync("query-block-jobs", [], cancellationToken);
        if (jobs.GetArrayLength() == 0)
            call.Output.Write("No active jobs\n");
        foreach (var job in jobs.EnumerateArray())
        {
            var (done, length, speed) = (job.GetProperty("offset"), job.GetProperty("len"), job.GetProperty("speed"));
            var type = job.GetProperty("type").GetString();
            call.Output.Write(type == "stream"
                ? $"Streaming device {job.GetProperty("device")}: Completed {done} of {length} bytes, speed limit {speed} bytes/s\n"
                : $"Type {type}, device {job.GetProperty("device")}: Completed {done} of {length} bytes, speed limit {speed} bytes/s\n");
        }
    }

    private static async ValueTask ChardevsAsync(HumanCall call, CancellationToken cancellationToken)
    {
        foreach (var device in (await call.ExecuteAsync("query-chardev", [], cancellationToken)).EnumerateArray())
            call.Output.Write($"{device.GetProperty("label")}: filename={device.GetProperty("filename")}\n");
    }

    /// <summary>Of devices; those that only nodes have are query-blockstats' to tell.</summary>
    private static async ValueTask StatisticsAsync(HumanCall call, CancellationToken cancellationToken)
    {
        string[] figures =
        [
            "rd_bytes", "wr_bytes", "rd_operations", "wr_operations", "flush_operations", "wr_total_time_ns", "rd_total_time_ns",
            "flush_total_time_ns", "rd_merged", "wr_merged", "idle_time_ns",
        ];
        foreach (var device in (await call.ExecuteAsync("query-blockstats", [], cancellationToken)).EnumerateArray())
        {
            if (!device.TryGetProperty("device", out var name) || name.GetString() is not { Length: > 0 } id)
                continue;
            var stats = device.GetProperty("stats");
            var shown = figures.Select(figure => $" {figure}={(stats.TryGetProperty(figure, out var value) ? value.GetInt64() : 0)}");
            call.Output.Write($"{id}:{string.Concat(shown)}\n");
        }
    }

    /// <summary>Snapshots that all images have, to which a machine can go back, and then those of single images.</summary>
    private static async ValueTask SnapshotsAsync(HumanCall call, CancellationToken cancellationToken)
    {
        if (!call.Host.Graph.Nodes.Any(CanHoldMachine))
        {
            call.Output.Write("no block device can store vmstate for snapshot\n");
            return;
        }

        var images = new List<(string Name, IReadOnlyList<SnapshotRecord> Snapshots)>();
        foreach (var node in call.Host.Graph.Nodes.Where(node => !node.ReadOnly))
        {
            if (node.TryGetFacet<ISnapshotStore>(out var store))
                images.Add((node.Name, await store.ListAsync(cancellationToken)));
        }

        if (images.All(image => image.Snapshots.Count == 0))
        {
            call.Output.Write("There is no snapshot available.\n");
            return;
        }

        bool IsEverywhere(SnapshotRecord one) => images.All(image => image.Snapshots.Any(other => other.Name == one.Name));
        var common = images[0].Snapshots.Where(IsEverywhere).Select(snapshot => snapshot with { Id = "--" }).ToList();
        call.Output.Write("List of snapshots present on all disks:\n");
        if (common.Count > 0)
            SnapshotTable.PrintRows(call.Output, common);
        else
            call.Output.Write("None\n");
        foreach (var (name, snapshots) in images)
        {
            var alone = snapshots.Where(snapshot => !IsEverywhere(snapshot)).ToList();
            if (alone.Count == 0)
                continue;
            call.Output.Write($"\nList of partial (non-loadable) snapshots on '{name}':\n");
            SnapshotTable.PrintRows(call.Output, alone);
        }
    }

    /// <summary>Whose snapshots could hold a machine's state: an image that is a disk of its own, and no job's.</summary>
    private static bool CanHoldMachine(IGraphNode node) =>
        !node.ReadOnly
            && (node.Parents.Count == 0 || node.Parents.Any(edge => edge.Parent is null))
            && node.FindSnapshotStore() is not null;

    private static async ValueTask StatusAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var status = await call.ExecuteAsync("query-status", [], cancellationToken);
        var (isRunning, state) = (status.GetProperty("running").GetBoolean(), status.GetProperty("status").GetString());
        var detail = !isRunning && state != "paused" ? $" ({state})" : "";
        call.Output.Write($"VM status: {(isRunning ? "running" : "paused")}{detail}\n");
    }

    private static async ValueTask VersionAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var version = await call.ExecuteAsync("query-version", [], cancellationToken);
        var qemu = version.GetProperty("qemu");
        call.Output.Write(
            $"{qemu.GetProperty("major")}.{qemu.GetProperty("minor")}.{qemu.GetProperty("micro")}{version.GetProperty("package").GetString()}\n");
    }
}
