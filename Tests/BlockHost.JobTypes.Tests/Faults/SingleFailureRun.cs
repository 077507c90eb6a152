// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Jobs;

namespace BlockHost.JobTypes.Tests.Faults;

/// <summary>
/// A job of which one request to a disk fails. Either it says what has failed, or it has done all the same what it should; the
/// disk that it works on reads as before, nothing is left behind, and no image is broken.
/// </summary>
/// <param name="at">The request, counted over all disks from the job's command to its end; negative: none.</param>
internal sealed class SingleFailureRun(JobScenario scenario, int at, int errno)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private static readonly string[] Reasons = ["Input/output error", "No space left on device", "The disk fails"];

    private readonly FaultPlugin _disks = new(seed: 1);

    /// <summary>How many requests the job took.</summary>
    public int Requests => _disks.Failure.Seen;

    public async Task RunAsync()
    {
        byte[] before;
        await using (var bed = await FaultBed.StartAsync(_disks))
        {
            await scenario.PrepareAsync(bed, new Random(1));
            before = await bed.ReadAsync(scenario.Guest);
            _disks.Failure.Begin(at, errno);
            var failure = await WorkAsync(bed);
            _disks.Failure.End();
            await JudgeAsync(bed, before, failure);
            await bed.DeleteAllAsync();
        }

        await ReopenAsync(before);
    }

    private bool HasFailed => _disks.Failure.Failed is not null;

    /// <returns>What the command or the job says has failed, or null.</returns>
    private async Task<string?> WorkAsync(FaultBed bed)
    {
        var manual = scenario.IsBlockJob ? ",\"auto-dismiss\":false" : "";
        var answer = await bed.TryAsync(
            scenario.Command, $"\"job-id\":\"j\",{scenario.Arguments.Replace("POLICY", "report", StringComparison.Ordinal)}{manual}");
        if (answer["error"] is { } refusal)
            return (string?)refusal["desc"];
        while (true)
        {
            var job = await bed.UntilAsync(job => job.IsReady || job.Status == JobStatus.Concluded, Patience);
            Assert.NotNull(job);
            if (job.Status == JobStatus.Concluded)
            {
                await bed.ExecuteAsync("job-dismiss", "\"id\":\"j\"");
                return job.Error;
            }

            await bed.TryAsync("job-complete", "\"id\":\"j\"");
            await Task.Delay(1);
        }
    }

    private async Task JudgeAsync(FaultBed bed, byte[] before, string? failure)
    {
        Assert.True(HasFailed || failure is null, $"nothing failed, and it says: {failure}");
        if (failure is not null)
            Assert.True(Reasons.Any(reason => failure.Contains(reason, StringComparison.Ordinal)), $"it does not say why: {failure}");
        Assert.True(Same(before, await bed.ReadAsync(scenario.Guest)), "the guest's disk reads otherwise");
        if (failure is null)
            Assert.True(
                Same(before, await bed.ReadAsync(scenario.Result)),
                $"{_disks.Failure.Failed} failed, the job says that all went well, and its result is wrong");
    }

    /// <summary>A new host reads the same, and no image is broken.</summary>
    private async Task ReopenAsync(byte[] before)
    {
        await using var bed = await FaultBed.StartAsync(_disks);
        await bed.ExecuteAsync("blockdev-add", $$"""
            "driver":"qcow2","node-name":"again","file":{"driver":"fault","filename":"{{scenario.Guest}}"}
            """);
        Assert.True(Same(before, await bed.ReadAsync("again")), "the image reads otherwise when it is opened again");
        foreach (var node in bed.Graph.Nodes.Where(node => node.Driver.FormatName == "qcow2").Select(node => node.Name).ToList())
            await bed.CheckAsync(node, leaksToo: !HasFailed);
    }

    private static bool Same(byte[] expected, byte[] actual) => expected.AsSpan().SequenceEqual(actual);
}
