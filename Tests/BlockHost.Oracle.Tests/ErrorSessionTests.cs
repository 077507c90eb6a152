// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>
/// Sessions in which disks fail under jobs, against the real daemon and this host: t is full, so that every write of data to it
/// gives ENOSPC; x and its backing file w cannot be read from 64 to 128 KiB.
/// </summary>
public sealed class ErrorSessionTests
{
    public static TheoryData<string> CopiesToAFullDisk => new(
        """{"execute":"blockdev-mirror","arguments":{"job-id":"j","device":"s","target":"t","sync":"full","on-target-error":"POLICY"}}""",
        """{"execute":"blockdev-backup","arguments":{"job-id":"j","device":"s","target":"t","sync":"full","on-target-error":"POLICY"}}""");

    public static TheoryData<string> CopiesOfABadDisk => new(
        """{"execute":"blockdev-mirror","arguments":{"job-id":"j","device":"x","target":"o","sync":"full","on-source-error":"POLICY"}}""",
        """{"execute":"blockdev-backup","arguments":{"job-id":"j","device":"x","target":"o","sync":"full","on-source-error":"POLICY"}}""",
        """{"execute":"block-stream","arguments":{"job-id":"j","device":"x","on-error":"POLICY"}}""");

    [SkippableTheory]
    [MemberData(nameof(CopiesToAFullDisk))]
    public Task A_full_disk_stops_a_job_that_is_to_wait_for_room(string job) => CompareAsync(
        job.Replace("POLICY", "enospc"),
        Paused(job, 1),
        BlockJobs,
        Verb("job-pause"),
        Verb("job-complete"),
        Verb("job-resume"),
        Paused(job, 2),
        BlockJobs,
        SoftCancel,
        """{"execute":"block-job-cancel","arguments":{"device":"j","force":true}}""",
        Gone,
        Graph);

    [SkippableTheory]
    [MemberData(nameof(CopiesToAFullDisk))]
    public Task A_full_disk_stops_a_job_without_a_policy(string job) => CompareAsync(
        job.Replace(""","on-target-error":"POLICY" """.TrimEnd(), ""), Gone, QueryJobs, Graph);

    [SkippableTheory]
    [MemberData(nameof(CopiesToAFullDisk))]
    public Task A_full_disk_ends_a_job_that_is_to_report(string job) => CompareAsync(
        Kept(job.Replace("POLICY", "report")),
        "@ concluded j",
        QueryJobs,
        BlockJobs,
        Verb("job-cancel"),
        Verb("job-dismiss"),
        Graph);

    [SkippableTheory]
    [MemberData(nameof(CopiesToAFullDisk))]
    public Task A_job_that_stopped_at_a_full_disk_can_be_cancelled(string job) => CompareAsync(
        job.Replace("POLICY", "stop"), Paused(job, 1), BlockJobs, Verb("job-cancel"), Gone, QueryJobs, Graph);

    [SkippableTheory]
    [MemberData(nameof(CopiesOfABadDisk))]
    public Task Data_that_cannot_be_read_ends_a_job_that_is_to_report(string job) => CompareAsync(
        Kept(job.Replace("POLICY", "report")), "@ concluded j", QueryJobs, BlockJobs, Verb("job-dismiss"), Graph);

    [SkippableTheory]
    [MemberData(nameof(CopiesOfABadDisk))]
    public Task Data_that_cannot_be_read_stops_a_job(string job) => CompareAsync(
        job.Replace("POLICY", "stop"),
        Paused(job, 1),
        Verb("job-pause"),
        """{"execute":"block-job-set-speed","arguments":{"device":"j","speed":0}}""",
        Verb("job-resume"),
        Paused(job, 2),
        Verb("job-cancel"),
        Gone,
        Graph);

    [SkippableTheory]
    [MemberData(nameof(CopiesOfABadDisk))]
    public Task Data_that_cannot_be_read_ends_a_job_that_waits_for_room_only(string job) => CompareAsync(
        Kept(job.Replace("POLICY", "enospc")), "@ concluded j", QueryJobs, Verb("job-dismiss"), Graph);

    [SkippableFact]
    public Task A_stream_that_ignores_errors_ends_with_one() => CompareAsync(
        Kept("""{"execute":"block-stream","arguments":{"job-id":"j","device":"x","on-error":"ignore"}}"""),
        "@ concluded j",
        QueryJobs,
        Verb("job-dismiss"),
        Graph);

    [SkippableFact]
    public Task One_full_disk_calls_off_a_group_of_backups() => CompareAsync(
        """{"execute":"transaction","arguments":{"properties":{"completion-mode":"grouped"},"actions":[{"type":"blockdev-backup","data":{"job-id":"k","device":"x","target":"o","sync":"full","speed":1000,"on-source-error":"stop"}},{"type":"blockdev-backup","data":{"job-id":"j","device":"s","target":"t","sync":"full","on-target-error":"report"}}]}}""",
        Gone,
        "@ null k",
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task A_full_disk_without_a_group_ends_one_backup_only() => CompareAsync(
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-backup","data":{"job-id":"j","device":"s","target":"t","sync":"full","on-target-error":"report"}},{"type":"blockdev-backup","data":{"job-id":"k","device":"x","target":"o","sync":"none"}}]}}""",
        Gone,
        QueryJobs,
        """{"execute":"block-job-cancel","arguments":{"device":"k"}}""",
        "@ null k",
        Graph);

    private static Task CompareAsync(params string[] session)
    {
        Skip.IfNot(File.Exists("/dev/full"), "needs /dev/full");
        return JobSessions.CompareAsync(
            Images.AddFailingAsync,
            [
                """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"s","file":{"driver":"file","filename":"DIR/plain.raw"}}}""",
                """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"o","file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
                """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/full.qcow2"},"data-file":{"driver":"host_device","filename":"/dev/full","cache":{"no-flush":true}}}}""",
                """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"x","file":{"driver":"file","filename":"DIR/bad-top.qcow2"},"backing":{"driver":"qcow2","node-name":"w","file":{"driver":"file","filename":"DIR/bad.qcow2"}}}}""",
                .. session,
            ]);
    }

    /// <summary>The job stays to be looked at.</summary>
    private static string Kept(string job) => job.Replace("\"job-id\":\"j\"", "\"job-id\":\"j\",\"auto-dismiss\":false");

    /// <summary>A backup pauses while its filter is put in.</summary>
    private static string Paused(string job, int times) => $"@ paused j {times + (job.Contains("backup") ? 1 : 0)}";
}
