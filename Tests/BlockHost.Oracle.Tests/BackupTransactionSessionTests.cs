// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Sessions with backups of several disks, against the real daemon and this host.</summary>
public sealed class BackupTransactionSessionTests
{
    [SkippableFact]
    public Task Grouped_ends_come_together() => CompareAsync(
        Transaction(Grouped, A(""","auto-finalize":false,"auto-dismiss":false"""), B(""","speed":1""")),
        "@ waiting a",
        "@ progress b 1048576",
        QueryJobs,
        VerbFor("job-finalize", "a"),
        """{"execute":"block-job-set-speed","arguments":{"device":"b","speed":0}}""",
        "@ BLOCK_JOB_PENDING a",
        BlockJobs,
        VerbFor("job-finalize", "b"),
        "@ null b",
        QueryJobs,
        VerbFor("job-dismiss", "a"),
        Graph);

    [SkippableFact]
    public Task Each_by_itself() => CompareAsync(
        Transaction("", A(""","auto-finalize":false"""), B(sync: "none")),
        "@ pending a",
        QueryJobs,
        VerbFor("job-cancel", "b"),
        "@ null b",
        VerbFor("job-finalize", "a"),
        "@ null a",
        Graph);

    [SkippableFact]
    public Task A_cancelled_member_takes_the_group_down() => CompareAsync(
        Transaction(Grouped, A(), B(sync: "none")),
        "@ waiting a",
        QueryJobs,
        VerbFor("job-cancel", "b"),
        "@ null a",
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task A_cancel_of_one_that_waits() => CompareAsync(
        Transaction(Grouped, A(""","auto-dismiss":false"""), B(""","auto-dismiss":false""", sync: "none")),
        "@ waiting a",
        VerbFor("job-cancel", "a"),
        "@ concluded b",
        "@ concluded a",
        QueryJobs,
        VerbFor("job-dismiss", "a"),
        VerbFor("job-dismiss", "b"));

    // Two jobs of a group that is called off before they start are left out: QEMU's own daemon hangs then.
    [SkippableFact]
    public Task Called_off_half_way() => CompareAsync(
        Transaction("", A(), """{"type":"abort","data":{}}"""),
        Transaction(Grouped, A(), """{"type":"abort","data":{}}"""),
        Transaction("", A(), B(), """{"type":"abort","data":{}}"""),
        Transaction(Grouped, A(), B(target: "nope")),
        Transaction(Grouped, A(), B(target: "ta")),
        Transaction("", A(), B(target: "ta")),
        Transaction(Grouped, A(), B(""","speed":-1""")),
        Transaction(Grouped, A(), A()),
        Transaction(Grouped, A(), """{"type":"block-dirty-bitmap-add","data":{"node":"a","name":"x"}}"""),
        Transaction("", A(), """{"type":"block-dirty-bitmap-add","data":{"node":"nope","name":"x"}}"""),
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task A_bitmap_from_the_moment_on() => CompareAsync(
        Transaction(
            "",
            """{"type":"block-dirty-bitmap-add","data":{"node":"a","name":"x"}}""",
            A(),
            """{"type":"block-dirty-bitmap-add","data":{"node":"b","name":"x"}}""",
            B(sync: "none")),
        "@ null a",
        VerbFor("job-cancel", "b"),
        "@ null b",
        Bitmaps,
        Transaction(
            "", A(""","bitmap":"x" """, "incremental"), """{"type":"block-dirty-bitmap-clear","data":{"node":"a","name":"x"}}"""),
        Transaction(
            "", """{"type":"block-dirty-bitmap-clear","data":{"node":"a","name":"x"}}""", A(""","bitmap":"x" """, "incremental")),
        "@ null a 3",
        QueryJobs);

    private const string Grouped = ""","properties":{"completion-mode":"grouped"}""";
    private const string Bitmaps = """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""";

    private static Task CompareAsync(params string[] session) => JobSessions.CompareAsync(
    [
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"a","file":{"driver":"file","filename":"DIR/base.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"ta","file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"b","size":10485760}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"tb","size":10485760}}""",
        .. session,
    ]);

    private static string Transaction(string properties, params string[] actions) =>
        $$$"""{"execute":"transaction","arguments":{"actions":[{{{string.Join(',', actions)}}}]{{{properties}}} } }""";

    private static string A(string more = "", string sync = "full", string target = "ta") => Backup("a", more, sync, target);

    private static string B(string more = "", string sync = "full", string target = "tb") => Backup("b", more, sync, target);

    private static string Backup(string disk, string more, string sync, string target) =>
        $$$"""{"type":"blockdev-backup","data":{"job-id":"{{{disk}}}","device":"{{{disk}}}","target":"{{{target}}}","sync":"{{{sync}}}"{{{more}}} } }""";

    private static string VerbFor(string verb, string job) => $$$"""{"execute":"{{{verb}}}","arguments":{"id":"{{{job}}}"} }""";
}
