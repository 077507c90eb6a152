// SPDX-License-Identifier: MIT
using BlockHost.Block;
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

    /// <summary>BLOCKHOST_JOB_ERRORS=1000: of each job so many of its requests fail, each in a run of its own.</summary>
    private static readonly int Errors = SearchSize.Of("BLOCKHOST_JOB_ERRORS", 12);

    public static TheoryData<string> EveryJob => [.. Jobs.Keys, "compact", "amend"];

    public static IEnumerable<object[]> Faults =>
        from job in Jobs.Keys
        from kind in Enum.GetValues<FaultKind>()
        from policy in new[] { "report", "ignore", "stop", "enospc" }
        select new object[] { job, kind, policy };

    [Theory]
    [MemberData(nameof(EveryJob))]
    public async Task Whichever_request_fails_the_job_says_so_or_has_done_its_work(string job)
    {
        var scenario = job switch { "compact" => JobScenario.Compact, "amend" => JobScenario.Amend, _ => Jobs[job] };
        var whole = new SingleFailureRun(scenario, -1, 0);
        await whole.RunAsync();
        var step = Math.Max(1, whole.Requests / Errors);
        for (var at = 0; at < whole.Requests; at += step)
        {
            try
            {
                await new SingleFailureRun(scenario, at, at / step % 2 == 0 ? Errno.EIO : Errno.ENOSPC)
                    .RunAsync().WaitAsync(TimeSpan.FromSeconds(120));
            }
            catch (Exception e)
            {
                throw new Xunit.Sdk.XunitException($"request {at} of {whole.Requests}: {e}");
            }
        }
    }

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
