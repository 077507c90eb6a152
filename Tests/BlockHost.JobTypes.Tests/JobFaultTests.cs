// SPDX-License-Identifier: MIT
using BlockHost.JobTypes.Tests.Faults;

namespace BlockHost.JobTypes.Tests;

/// <summary>Disks that fail under jobs, each fault under each policy, with a guest that reads and writes all the while.</summary>
public sealed class JobFaultTests
{
    /// <summary>BLOCKHOST_FAULTS=50: so many runs of each test.</summary>
    private static readonly int Runs = SearchSize.Of("BLOCKHOST_FAULTS", 2);

    private static readonly Dictionary<string, JobScenario> Jobs = new()
    {
        ["stream"] = JobScenario.Stream,
        ["mirror"] = JobScenario.MirrorInBackground,
        ["mirror that guests write through"] = JobScenario.MirrorWithWrites,
        ["backup"] = JobScenario.Backup,
        ["commit of a layer"] = JobScenario.IntermediateCommit,
        ["commit of the active layer"] = JobScenario.ActiveCommit,
    };

    public static IEnumerable<object[]> Faults =>
        from job in Jobs.Keys
        from kind in Enum.GetValues<FaultKind>()
        from policy in new[] { "report", "ignore", "stop", "enospc" }
        select new object[] { job, kind, policy };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_guest_loses_nothing_and_the_job_ends_as_its_policy_says(string job, FaultKind kind, string policy)
    {
        for (var seed = 1; seed <= Runs; seed++)
        {
            try
            {
                await new FaultRun(Jobs[job], kind, policy, seed).RunAsync().WaitAsync(TimeSpan.FromSeconds(120));
            }
            catch (Exception e)
            {
                throw new Xunit.Sdk.XunitException($"seed {seed}: {e}");
            }
        }
    }
}
