// SPDX-License-Identifier: MIT
using BlockHost.JobTypes.Tests.Faults;

namespace BlockHost.JobTypes.Tests;

/// <summary>Disks that fail under jobs, each fault under each policy, with a guest that reads and writes all the while.</summary>
public sealed class JobFaultTests
{
    /// <summary>BLOCKHOST_FAULTS=50: so many runs of each test.</summary>
    private static readonly int Runs = int.TryParse(Environment.GetEnvironmentVariable("BLOCKHOST_FAULTS"), out var given) ? given : 2;

    public static TheoryData<FaultKind, string> Faults
    {
        get
        {
            var all = new TheoryData<FaultKind, string>();
            foreach (var kind in Enum.GetValues<FaultKind>())
            {
                foreach (var policy in new[] { "report", "ignore", "stop", "enospc" })
                    all.Add(kind, policy);
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public Task Under_a_stream(FaultKind kind, string policy) => RunAsync(JobScenario.Stream, kind, policy);

    [Theory]
    [MemberData(nameof(Faults))]
    public Task Under_a_mirror(FaultKind kind, string policy) => RunAsync(JobScenario.MirrorInBackground, kind, policy);

    [Theory]
    [MemberData(nameof(Faults))]
    public Task Under_a_mirror_that_guests_write_through(FaultKind kind, string policy) => RunAsync(JobScenario.MirrorWithWrites, kind, policy);

    [Theory]
    [MemberData(nameof(Faults))]
    public Task Under_a_backup(FaultKind kind, string policy) => RunAsync(JobScenario.Backup, kind, policy);

    [Theory]
    [MemberData(nameof(Faults))]
    public Task Under_a_commit_of_a_layer(FaultKind kind, string policy) => RunAsync(JobScenario.IntermediateCommit, kind, policy);

    [Theory]
    [MemberData(nameof(Faults))]
    public Task Under_a_commit_of_the_active_layer(FaultKind kind, string policy) => RunAsync(JobScenario.ActiveCommit, kind, policy);

    private static async Task RunAsync(JobScenario scenario, FaultKind kind, string policy)
    {
        for (var seed = 1; seed <= Runs; seed++)
        {
            try
            {
                await new FaultRun(scenario, kind, policy, seed).RunAsync().WaitAsync(TimeSpan.FromSeconds(60));
            }
            catch (Exception e)
            {
                throw new Xunit.Sdk.XunitException($"seed {seed}: {e}");
            }
        }
    }
}
