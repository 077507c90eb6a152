// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Sessions with commits of the active layer of base ◄ middle ◄ top, against the real daemon and this host.</summary>
public sealed class ActiveCommitSessionTests
{
    private const string Server =
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/nbd"}}}}""";

    [SkippableFact]
    public Task Commits_that_do_not_start() => CompareAsync(
        Commit(""","backing-file":"x" """),
        Commit(""","speed":-1"""),
        Commit(""","filter-node-name":"b" """),
        Commit(""","filter-node-name":"9x" """),
        """{"execute":"block-commit","arguments":{"device":"t"}}""",
        """{"execute":"block-commit","arguments":{"job-id":"9 j","device":"t"}}""",
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task Pivot() =>
        CompareAsync(Commit(""), Ready, QueryJobs, BlockJobs, Graph, Verb("job-complete"), Gone, QueryJobs, Graph);

    [SkippableFact]
    public Task Onto_a_base_in_the_middle() => CompareAsync(
        Commit(""","base-node":"m","filter-node-name":"filter" """), Ready, Graph, Verb("job-complete"), Gone, Graph);

    [SkippableFact]
    public Task A_soft_cancel_of_a_ready_commit_ends_it_well() => CompareAsync(Commit(""), Ready, SoftCancel, Gone, Graph);

    [SkippableFact]
    public Task A_forced_cancel_of_a_ready_commit() => CompareAsync(Commit(""), Ready, Verb("job-cancel"), Gone, Graph);

    [SkippableFact]
    public Task A_cancel_in_standby() => CompareAsync(
        Commit(""),
        Ready,
        Verb("job-pause"),
        "@ standby j",
        BlockJobs,
        Verb("job-complete"),
        SoftCancel,
        Verb("job-cancel"),
        Gone,
        Graph);

    [SkippableFact]
    public Task A_cancel_before_it_is_ready() => CompareAsync(
        Commit(""","speed":1000"""), "@ progress j 1048576", Graph, Verb("job-complete"), SoftCancel, Gone, Graph);

    [SkippableFact]
    public Task Manual_ends() => CompareAsync(
        Commit(""","auto-finalize":false,"auto-dismiss":false"""),
        Ready,
        Verb("job-complete"),
        "@ pending j",
        Graph,
        Verb("job-finalize"),
        "@ concluded j",
        QueryJobs,
        Graph,
        Verb("job-dismiss"),
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        Graph);

    [SkippableFact]
    public Task A_cancel_while_pending() => CompareAsync(
        Commit(""","auto-finalize":false"""), Ready, Verb("job-complete"), "@ pending j", Verb("job-cancel"), Gone, Graph);

    [SkippableFact]
    public Task Its_nodes_are_kept() => CompareAsync(
        Commit(""),
        Ready,
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"m"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"b"}}""",
        """{"execute":"block_resize","arguments":{"node-name":"t","size":1048576}}""",
        """{"execute":"block-stream","arguments":{"job-id":"k","device":"t"}}""",
        Commit("", id: "k"),
        Server,
        Export("m", writable: false),
        Export("b", writable: false),
        Verb("job-cancel"),
        Gone,
        Graph);

    [SkippableFact]
    public Task A_base_that_grows() => CompareAsync(
        Images.ShrinkBaseAsync,
        Commit(""),
        Ready,
        Graph,
        Verb("job-complete"),
        Gone,
        Graph,
        "~" + """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""");

    [SkippableFact]
    public Task The_export_of_the_layer_moves_to_the_base() => CompareAsync(
        Server,
        Export("t", writable: true),
        Commit(""),
        Ready,
        Graph,
        Verb("job-complete"),
        Gone,
        Graph,
        """{"execute":"query-block-exports"}""");

    [SkippableFact]
    public Task A_layer_in_between_that_somebody_writes() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"m","read-only":false,"file":{"driver":"file","filename":"DIR/middle.qcow2"},"backing":{"driver":"qcow2","node-name":"b","file":{"driver":"file","filename":"DIR/base.qcow2"}}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/top.qcow2"},"backing":"m"}}""",
        Server,
        Export("m", writable: true),
        Commit(""","top-node":"m","backing-file":"x" """),
        Commit(""","top-node":"m" """),
        Ready,
        Graph,
        Verb("job-complete"),
        Gone,
        Graph);

    [SkippableFact]
    public Task A_read_that_fails() =>
        CompareAsync(Images.BreakMiddleAsync, Commit(""","auto-dismiss":false"""), "@ concluded j", QueryJobs, Graph);

    [SkippableFact]
    public Task A_filter_onto_what_it_filters() => JobSessions.CompareAsync(
        OpenTarget,
        """{"execute":"blockdev-add","arguments":{"driver":"copy-on-read","node-name":"f","file":"t"}}""",
        """{"execute":"block-commit","arguments":{"job-id":"j","device":"f"}}""",
        """{"execute":"blockdev-mirror","arguments":{"job-id":"j","device":"f","target":"t","sync":"full"}}""",
        """{"execute":"blockdev-mirror","arguments":{"job-id":"j","device":"f","target":"f","sync":"full","granularity":3}}""",
        QueryJobs,
        Graph);

    private static Task CompareAsync(params string[] session) => CompareAsync(_ => Task.CompletedTask, session);

    private static Task CompareAsync(Func<string, Task> prepare, params string[] session) => JobSessions.CompareAsync(
        prepare,
    [
        OpenChain,
        .. session,
    ]);

    private static string Commit(string more, string id = "j") =>
        $$$"""{"execute":"block-commit","arguments":{"job-id":"{{{id}}}","device":"t"{{{more}}} } }""";

    private static string Export(string node, bool writable) =>
        $$$"""{"execute":"block-export-add","arguments":{"type":"nbd","id":"{{{node}}}","node-name":"{{{node}}}","name":"{{{node}}}","writable":{{{(writable ? "true" : "false")}}}}}""";
}
