// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Sessions with mirror jobs, against the real daemon and this host.</summary>
public sealed class MirrorSessionTests
{
    private static readonly string Slow = Mirror("full", ""","speed":1048576,"buf-size":65536""");

    [SkippableFact]
    public Task Mirrors_that_do_not_start() => CompareAsync(
        Mirror("full", device: "nope"),
        Mirror("full", target: "nope"),
        Mirror("full", target: "s"),
        Mirror("bitmap"),
        Mirror("incremental"),
        Mirror("full", ""","granularity":513"""),
        Mirror("full", ""","granularity":256"""),
        Mirror("full", ""","granularity":134217728"""),
        Mirror("full", ""","buf-size":-1"""),
        Mirror("full", ""","speed":-1"""),
        Mirror("full", ""","replaces":"nope" """),
        Mirror("full", ""","filter-node-name":"t" """),
        Mirror("full", ""","copy-mode":"nope" """),
        """{"execute":"blockdev-mirror","arguments":{"device":"s","target":"t","sync":"full"}}""",
        """{"execute":"blockdev-mirror","arguments":{"job-id":"j","device":"s","target":"t"}}""",
        """{"execute":"blockdev-mirror","arguments":{"job-id":"1j","device":"s","target":"t","sync":"full"}}""",
        QueryJobs);

    [SkippableFact]
    public Task A_target_that_cannot_be_written() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"r","read-only":true,"backing":null,"file":{"driver":"file","filename":"DIR/middle.qcow2"}}}""",
        Mirror("full", target: "r"),
        Mirror("full", ""","filter-node-name":"f" """, target: "r"),
        Graph);

    [SkippableFact]
    public Task A_target_of_another_size() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":{"driver":"file","filename":"DIR/disk.raw"}}}""",
        Mirror("full", target: "r"),
        Gone,
        QueryJobs);

    [SkippableFact]
    public Task Pivot() =>
        CompareAsync(Mirror("full"), Ready, QueryJobs, BlockJobs, Verb("job-complete"), Gone, QueryJobs, Verb("job-complete"));

    [SkippableFact]
    public Task Pivot_by_the_older_command() => CompareAsync(
        Mirror("full"), Ready, """{"execute":"block-job-complete","arguments":{"device":"j"}}""", Gone, BlockJobs);

    [SkippableFact]
    public Task Standby() => CompareAsync(
        Mirror("full"),
        Ready,
        Verb("job-pause"),
        "@ standby j",
        Verb("job-pause"),
        BlockJobs,
        Verb("job-complete"),
        Verb("job-resume"),
        Gone,
        Verb("job-resume"));

    [SkippableFact]
    public Task A_soft_cancel_of_a_ready_mirror_ends_it_well() => CompareAsync(
        Mirror("full"), Ready, SoftCancel, Gone, QueryJobs);

    [SkippableFact]
    public Task A_forced_cancel_of_a_ready_mirror() => CompareAsync(Mirror("full"), Ready, Verb("job-cancel"), Gone, QueryJobs);

    [SkippableFact]
    public Task A_cancel_in_standby() => CompareAsync(
        Mirror("full"), Ready, Verb("job-pause"), "@ standby j", SoftCancel, Verb("job-cancel"), Gone);

    [SkippableFact]
    public Task Manual_ends() => CompareAsync(
        Mirror("full", ""","auto-finalize":false,"auto-dismiss":false"""),
        Ready,
        Verb("job-finalize"),
        Verb("job-dismiss"),
        Verb("job-complete"),
        "@ pending j",
        QueryJobs,
        Verb("job-complete"),
        Verb("job-pause"),
        Verb("job-finalize"),
        "@ concluded j",
        BlockJobs,
        Verb("job-cancel"),
        Verb("job-dismiss"),
        QueryJobs);

    [SkippableFact]
    public Task A_cancel_while_pending() => CompareAsync(
        Mirror("full", ""","auto-finalize":false"""),
        Ready,
        Verb("job-complete"),
        "@ pending j",
        Verb("job-cancel"),
        Gone,
        QueryJobs);

    [SkippableFact]
    public Task Only_what_is_new() => CompareAsync(Mirror("none"), Ready, BlockJobs, Verb("job-complete"), Gone);

    [SkippableFact]
    public Task The_top_of_a_chain() => CompareAsync(Mirror("top"), Ready, BlockJobs, Verb("job-complete"), Gone);

    [SkippableFact]
    public Task Writes_to_both() =>
        CompareAsync(
            Mirror("full", ""","copy-mode":"write-blocking","granularity":65536"""),
            Ready,
            BlockJobs,
            Verb("job-complete"),
            Gone);

    [SkippableFact]
    public Task Two_at_once() => CompareAsync(
        Mirror("full"),
        Ready,
        Mirror("full", target: "t"),
        """{"execute":"block_resize","arguments":{"node-name":"s","size":1048576}}""",
        Verb("job-cancel"),
        Gone);

    [SkippableTheory]
    [InlineData("full")]
    [InlineData("top")]
    [InlineData("none")]
    public Task Nodes_that_cannot_be_replaced(string sync) => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"f","filename":"DIR/top.qcow2"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"x","file":"f","backing":"s"}}""",
        Mirror(sync, ""","replaces":"f" """, device: "x"),
        Mirror(sync, ""","replaces":"s" """, device: "x"),
        Mirror(sync, ""","replaces":"t" """, device: "x"),
        Mirror(sync, ""","replaces":"x" """, device: "x"),
        Ready,
        Verb("job-complete"),
        Gone,
        Graph);

    [SkippableFact]
    public Task A_node_under_a_filter_is_replaced() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"copy-on-read","node-name":"f","file":"s"}}""",
        Mirror("full", ""","replaces":"s" """),
        Mirror("full", ""","replaces":"s" """, device: "f"),
        Ready,
        BlockJobs,
        Verb("job-complete"),
        Gone,
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"f"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"s"}}""");

    [SkippableFact]
    public Task A_cancel_while_it_copies() => CompareAsync(Slow, Verb("job-complete"), SoftCancel, Gone, QueryJobs);

    [SkippableFact]
    public Task A_forced_cancel_while_it_copies() =>
        CompareAsync(Slow, Verb("job-finalize"), Verb("job-dismiss"), Verb("job-cancel"), Gone, QueryJobs);

    [SkippableFact]
    public Task A_cancel_in_a_pause() => CompareAsync(
        Slow, Verb("job-pause"), "@ paused j", Verb("job-complete"), SoftCancel, Verb("job-cancel"), Gone);

    [SkippableFact]
    public Task A_pause_while_it_copies() => CompareAsync(
        Slow,
        Verb("job-pause"),
        "@ paused j",
        Verb("job-pause"),
        """{"execute":"block-job-set-speed","arguments":{"device":"j","speed":0}}""",
        Verb("job-resume"),
        Ready,
        BlockJobs,
        Verb("job-complete"),
        Gone);

    [SkippableFact]
    public Task Two_cancels_of_a_ready_mirror_that_waits_for_its_end() => CompareAsync(
        Mirror("full", ""","auto-finalize":false"""),
        Ready,
        SoftCancel,
        "@ pending j",
        SoftCancel,
        Verb("job-complete"),
        Verb("job-cancel"),
        Gone);

    [SkippableFact]
    public Task A_soft_cancel_that_is_finalized() => CompareAsync(
        Mirror("full", ""","auto-finalize":false,"auto-dismiss":false"""),
        Ready,
        """{"execute":"block-job-cancel","arguments":{"device":"j","force":false}}""",
        "@ pending j",
        BlockJobs,
        Verb("job-finalize"),
        "@ concluded j",
        QueryJobs,
        Graph,
        Verb("job-dismiss"));

    [SkippableFact]
    public Task A_forced_cancel_by_the_older_command() => CompareAsync(
        Mirror("full"), Ready, """{"execute":"block-job-cancel","arguments":{"device":"j","force":true}}""", Gone, QueryJobs);

    [SkippableFact]
    public Task What_it_holds() => CompareAsync(
        Mirror("full"),
        Ready,
        Graph,
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"s"}}""",
        """{"execute":"blockdev-mirror","arguments":{"job-id":"k","device":"t","target":"s","sync":"full"}}""",
        """{"execute":"block_resize","arguments":{"node-name":"t","size":8388608}}""",
        """{"execute":"blockdev-snapshot","arguments":{"node":"t","overlay":"s"}}""",
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/x.sock"} } } }""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"t"}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"t","writable":true}}""",
        Verb("job-complete"),
        Gone,
        Graph,
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"s"}}""");

    [SkippableFact]
    public Task A_user_that_came_to_the_source_past_the_filter_moves_as_well() => CompareAsync(
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/x.sock"} } } }""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"before","node-name":"s","writable":true,"name":"before"}}""",
        Mirror("full", ""","filter-node-name":"filter","auto-finalize":false"""),
        Ready,
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"past","node-name":"s","writable":true,"name":"past"}}""",
        """{"execute":"query-block-exports"}""",
        Verb("job-complete"),
        "@ pending j",
        BlockJobs,
        Graph,
        Verb("job-finalize"),
        Gone,
        """{"execute":"query-block-exports"}""",
        Graph);

    private static Task CompareAsync(params string[] session) => JobSessions.CompareAsync(
    [
        OpenSource,
        OpenTarget,
        .. session,
    ]);

    private static string Mirror(string sync, string more = "", string device = "s", string target = "t") =>
        $$$"""{"execute":"blockdev-mirror","arguments":{"job-id":"j","device":"{{{device}}}","target":"{{{target}}}","sync":"{{{sync}}}"{{{more}}} } }""";
}
