// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Chain.Tests.Disks;
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests.Faults;

/// <summary>What fails.</summary>
public enum FaultKind
{
    /// <summary>Some reads of the job's source.</summary>
    Read,

    /// <summary>Some writes of its target.</summary>
    Write,

    /// <summary>The target's disk is full until it is enlarged.</summary>
    NoSpace,

    /// <summary>Some flushes of the target.</summary>
    Flush,

    /// <summary>From some moment on, all of the target.</summary>
    Vanish,
}

/// <summary>
/// A job beside a guest, with a fault: heals what the job stops at, completes what gets ready, and proves what must hold
/// whatever happens. The guest's disk reads as the guest wrote it, nobody hangs, nothing is left behind, images are sound.
/// </summary>
internal sealed class FaultRun(JobScenario scenario, FaultKind kind, string policy, int seed)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly Random _random = new(seed);
    private readonly FaultPlugin _disks = new(seed);
    private bool _cancelled;

    public async Task RunAsync()
    {
        FaultGuest guest;
        await using (var bed = await FaultBed.StartAsync(_disks))
        {
            try
            {
                guest = await RunAsync(bed);
            }
            finally
            {
                Disk.Heal();
            }
        }

        await CheckImagesAsync(guest);
    }

    private async Task<FaultGuest> RunAsync(FaultBed bed)
    {
        await scenario.PrepareAsync(bed, _random);
        var guest = await StartGuestAsync(bed);
        var start = guest.Holds();
        Arm();
        var answer = await bed.TryAsync(scenario.Command, $"\"job-id\":\"j\",{scenario.Arguments.Replace("POLICY", policy)}");
        var started = answer["error"] is null;
        Assert.True(started || Disk.Failures > 0, $"{answer["error"]}");
        await GuestWork.WhileAsync(() => started ? FollowAsync(bed) : Task.CompletedTask, guest.RunUntilAsync);

        if (kind != FaultKind.Vanish)
            Disk.Heal();
        await CheckEndAsync(bed, guest, scenario.TargetIsOfTheStart ? start : null, started);
        await guest.Backend.DisposeAsync();
        await bed.DeleteAllAsync();
        return guest;
    }

    private FaultDisk Disk => _disks[kind == FaultKind.Read ? scenario.Source : scenario.Target];

    private void Arm()
    {
        switch (kind)
        {
            case FaultKind.Read:
                Disk.Break(new(DiskRequest.Read, Errno.EIO, Skip: _random.Next(6), Times: _random.Next(1, 6)));
                break;
            case FaultKind.Write:
                Disk.Break(new(DiskRequest.Change, Errno.EIO, Skip: _random.Next(4), Times: _random.Next(1, 6)));
                break;
            case FaultKind.NoSpace:
                Disk.Fill(_random.Next(FaultBed.Size / 16));
                break;
            case FaultKind.Flush:
                Disk.Break(new(DiskRequest.Flush, Errno.EIO, Skip: 0, Times: _random.Next(1, 3)));
                break;
            case FaultKind.Vanish:
                Disk.Break(new(
                    DiskRequest.Read | DiskRequest.Change | DiskRequest.Discard | DiskRequest.Flush,
                    Errno.EIO,
                    Skip: _random.Next(6)));
                break;
        }
    }

    private async Task<FaultGuest> StartGuestAsync(FaultBed bed)
    {
        var backend = await bed.Graph.CreateBackendAsync(bed.Node(scenario.Guest), JobTest.Guest, CancellationToken.None);
        return new FaultGuest(backend, seed + 1, await bed.ReadAsync(scenario.Guest));
    }

    /// <summary>Does what an administrator would, until the job is gone.</summary>
    private async Task FollowAsync(FaultBed bed)
    {
        while (await bed.UntilAsync(job => job.UserPaused || job.IsReady || ErrorsOf(bed).Count > 5, Patience) is { } job)
        {
            if (job.UserPaused)
                await ResumeAsync(bed);
            else if (kind == FaultKind.Vanish && Action == "ignore" && ErrorsOf(bed).Count > 0)
                await CancelAsync(bed);
            else if (job.IsReady)
                await bed.TryAsync("job-complete", "\"id\":\"j\"");
            else
                Disk.Heal();
            await Task.Delay(2);
        }
    }

    private async Task ResumeAsync(FaultBed bed)
    {
        await bed.UntilAsync(job => job.Status is JobStatus.Paused or JobStatus.Standby, Patience);
        if (bed.Job is not { } paused)
            return;
        Assert.True(Stops, $"paused on {policy}");
        Assert.Equal(kind == FaultKind.NoSpace ? JobIoStatus.NoSpace : JobIoStatus.Failed, paused.IoStatus);
        if (kind == FaultKind.Vanish)
        {
            await CancelAsync(bed);
            return;
        }

        if (kind == FaultKind.NoSpace || _random.Next(2) == 0)
            Disk.Heal();
        await bed.ExecuteAsync("job-resume", "\"id\":\"j\"");
    }

    private async Task CancelAsync(FaultBed bed)
    {
        _cancelled = true;
        await bed.TryAsync("block-job-cancel", "\"device\":\"j\",\"force\":true");
        await bed.UntilAsync(_ => false, Patience);
    }

    private bool Stops => policy == "stop" || (policy == "enospc" && kind == FaultKind.NoSpace);

    private string Action => Stops ? "stop" : policy == "ignore" ? "ignore" : "report";

    private static List<System.Text.Json.JsonElement> ErrorsOf(FaultBed bed) =>
        [.. bed.Events.Where(told => told.Name == "BLOCK_JOB_ERROR").Select(told => told.Data)];

    private async Task CheckEndAsync(FaultBed bed, FaultGuest guest, byte[]? start, bool started)
    {
        if (!(kind == FaultKind.Vanish && scenario.TargetIsTheGuests))
            guest.Check(await bed.ReadAsync(guest.Backend.Node.Name));
        if (!started)
            return;
        var errors = ErrorsOf(bed);
        Assert.True(kind == FaultKind.Flush || Disk.Failures > 0, "nothing failed");
        foreach (var error in errors)
        {
            Assert.Equal(Action, error.GetProperty("action").GetString());
            // A target that has vanished under the guest's disk cannot be read either.
            if (kind != FaultKind.Vanish || !scenario.TargetIsTheGuests)
                Assert.Equal(
                    kind == FaultKind.Read || scenario.OnlyReads ? "read" : "write", error.GetProperty("operation").GetString());
        }

        var end = await bed.EndAsync(Patience);
        if (end.Name == "BLOCK_JOB_CANCELLED")
        {
            Assert.True(_cancelled);
            return;
        }

        var failure = end.Data.TryGetProperty("error", out var text) ? text.GetString() : null;
        if (errors.Count > 0 && (Action == "report" || (Action == "ignore" && scenario.IgnoredErrorsFail)))
            Assert.Equal(kind == FaultKind.NoSpace ? "No space left on device" : "Input/output error", failure);
        else if (errors.Count > 0)
            Assert.Null(failure);
        if (failure is null)
            await CheckResultAsync(bed, guest, start);
    }

    private async Task CheckResultAsync(FaultBed bed, FaultGuest guest, byte[]? start)
    {
        var result = await bed.ReadAsync(scenario.Result);
        if (start is null)
            guest.Check(result);
        else
            Assert.Equal(start, result);
    }

    /// <summary>After all is closed: a new host reads the same, and no image is broken.</summary>
    private async Task CheckImagesAsync(FaultGuest guest)
    {
        await using var bed = await FaultBed.StartAsync(_disks);
        var top = guest.Backend.Node.Name;
        await bed.ExecuteAsync("blockdev-add", $$"""
            "driver":"qcow2","node-name":"{{top}}","file":{"driver":"fault","filename":"{{top}}"}
            """);
        if (kind != FaultKind.Vanish || top != scenario.Target)
            guest.Check(await bed.ReadAsync(top));
        foreach (var node in bed.Graph.Nodes.Where(node => node.Driver.FormatName == "qcow2").Select(node => node.Name).ToList())
            await bed.CheckAsync(node, leaksToo: kind == FaultKind.Read);
    }
}
