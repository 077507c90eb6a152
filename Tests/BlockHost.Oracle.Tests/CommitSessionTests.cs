// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Commits over base ◄ middle ◄ top whose top is not the active layer, against the real daemon and this host.</summary>
public sealed class CommitSessionTests
{
    private const string Middle = ""","top-node":"m" """;

    [SkippableFact]
    public Task Commits_that_do_not_start() => CompareAsync(
        Commit(""","top-node":"nope" """),
        Commit(""","top":"nope" """),
        Commit(Middle + ""","base":"nope" """),
        Commit(Middle + ""","base-node":"nope" """),
        Commit(Middle + ""","top":"x" """),
        Commit(Middle + ""","base":"x","base-node":"b" """),
        Commit(Middle + ""","base-node":"m" """),
        Commit(Middle + ""","base-node":"t" """),
        Commit(""","top-node":"b" """),
        Commit("", device: "b"),
        Commit(Middle, device: "m"),
        Commit(Middle, device: "nope"),
        Commit(Middle, device: ""),
        Commit(""","top-node":"","base-node":"" """),
        Commit(""","top":"DIR/top.qcow2","base":"DIR/top.qcow2" """),
        Commit(""","base-node":"t" """),
        Commit(Middle + ""","speed":-1"""),
        Commit(Middle + ""","on-error":"nope" """),
        Commit(Middle + ""","filter-node-name":"b" """),
        Commit(Middle + ""","filter-node-name":"9x" """),
        Commit(Middle + ""","frob":1"""),
        """{"execute":"block-commit","arguments":{"device":"t","top-node":"m"}}""",
        """{"execute":"block-commit","arguments":{"job-id":"9 j","device":"t","top-node":"m"}}""",
        """{"execute":"block-commit","arguments":{"job-id":"j","top-node":"m"}}""",
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task Nodes_that_are_in_no_chain_or_in_another() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"o","file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
        Commit(Middle + ""","base-node":"o" """),
        Commit(""","top-node":"o" """),
        Commit(""","top":"DIR/other.qcow2" """),
        Commit("", device: "o"));

    [SkippableFact]
    public Task A_layer_goes_down() => CompareAsync(Commit(Middle), Gone, QueryJobs, Graph, Commit(Middle), Gone);

    [SkippableFact]
    public Task By_the_names_that_headers_record() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/top.qcow2"}}}""",
        Commit(""","top":"middle.qcow2","base":"base.qcow2" """),
        Gone,
        Graph,
        "~" + """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""");

    [SkippableFact]
    public Task With_a_name_for_the_header() =>
        CompareAsync(Commit(Middle + ""","backing-file":"elsewhere.qcow2" """), Gone, Graph);

    [SkippableFact]
    public Task With_a_name_for_a_header_that_opened_its_backing_file() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/top.qcow2"}}}""",
        Commit(""","top":"middle.qcow2","backing-file":"elsewhere.qcow2" """),
        Gone,
        "~" + """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""");

    [SkippableFact]
    public Task While_it_runs() => CompareAsync(
        Slow(""","filter-node-name":"filter" """),
        "@ progress j 1572864",
        Verb("job-pause"),
        "@ paused j",
        Graph,
        QueryJobs,
        BlockJobs,
        Verb("job-pause"),
        Verb("job-complete"),
        Verb("job-finalize"),
        Verb("job-dismiss"),
        Verb("job-resume"),
        Verb("job-resume"),
        """{"execute":"block-job-set-speed","arguments":{"device":"j","speed":0}}""",
        Gone,
        QueryJobs);

    [SkippableFact]
    public Task Its_nodes_are_kept() => CompareAsync(
        Slow(),
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"m"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"b"}}""",
        """{"execute":"block_resize","arguments":{"node-name":"m","size":1048576}}""",
        """{"execute":"block-stream","arguments":{"job-id":"k","device":"t"}}""",
        Commit("", id: "k"),
        Commit(Middle),
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/nbd"}}}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"m","node-name":"m","name":"m"}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"b","node-name":"b","name":"b"}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"t","node-name":"t","name":"t","writable":true}}""",
        Verb("job-cancel"),
        Gone,
        Graph);

    [SkippableFact]
    public Task An_export_of_the_layer_moves_to_the_base() => CompareAsync(
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/nbd"}}}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"m","node-name":"m","name":"m"}}""",
        Commit(Middle),
        Gone,
        Graph,
        """{"execute":"query-block-exports"}""");

    [SkippableFact]
    public Task Cancelled_while_running() => CompareAsync(Slow(), Verb("job-cancel"), Gone, Graph);

    [SkippableFact]
    public Task Cancelled_while_paused() => CompareAsync(
        Slow(),
        "@ progress j 1572864",
        Verb("job-pause"),
        "@ paused j",
        SoftCancel,
        """{"execute":"block-job-cancel","arguments":{"device":"j","force":true}}""",
        Gone,
        Graph);

    [SkippableFact]
    public Task Cancelled_while_pending() => CompareAsync(
        Commit(Middle + ""","auto-finalize":false,"auto-dismiss":false"""),
        "@ pending j",
        Graph,
        QueryJobs,
        Verb("job-cancel"),
        "@ concluded j",
        QueryJobs,
        Graph,
        Verb("job-dismiss"),
        Graph);

    [SkippableFact]
    public Task Manual_ends() => CompareAsync(
        Commit(Middle + ""","auto-finalize":false,"auto-dismiss":false"""),
        "@ pending j",
        Verb("job-pause"),
        Verb("job-finalize"),
        "@ concluded j",
        BlockJobs,
        Graph,
        Verb("job-cancel"),
        Verb("job-dismiss"),
        Graph);

    [SkippableFact]
    public Task Onto_a_raw_image() => JobSessions.CompareAsync(
        Images.RebaseOntoRawAsync,
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/top.qcow2"}}}""",
        Commit(""","top":"middle.qcow2" """),
        Gone,
        Graph,
        "~" + """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""",
        Commit(""","base":"disk.raw" """),
        Ready,
        Verb("job-complete"),
        "@ null j 2",
        Graph);

    [SkippableFact]
    public Task Nodes_as_queries_show_them_under_the_job() => CompareAsync(
        Slow(),
        "@ progress j 1572864",
        "~" + """{"execute":"query-named-block-nodes"}""",
        "~" + """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""",
        """{"execute":"query-block"}""",
        Verb("job-cancel"),
        Gone);

    [SkippableFact]
    public Task A_base_whose_storage_cannot_be_written() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"file","read-only":true,"node-name":"f","filename":"DIR/base.qcow2"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"b","read-only":true,"file":"f"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"m","read-only":true,"file":{"driver":"file","filename":"DIR/middle.qcow2"},"backing":"b"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/top.qcow2"},"backing":"m"}}""",
        Commit(Middle),
        Commit(""),
        Graph);

    [SkippableFact]
    public Task Under_and_over_filters() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"b","file":{"driver":"file","filename":"DIR/base.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"copy-on-read","node-name":"over-b","file":"b"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"m","file":{"driver":"file","filename":"DIR/middle.qcow2"},"backing":"over-b"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"copy-on-read","node-name":"over-m","file":"m"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/top.qcow2"},"backing":"over-m"}}""",
        Commit(""","top-node":"over-m","base-node":"b","speed":1000"""),
        "@ progress j 1572864",
        Graph,
        Verb("job-cancel"),
        Gone,
        Graph,
        Commit(Middle),
        Commit(Middle + ""","base-node":"over-b" """),
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task A_base_that_grows() => CompareAsync(
        Images.ShrinkBaseAsync,
        Slow(),
        "@ progress j 1572864",
        Graph,
        """{"execute":"block-job-set-speed","arguments":{"device":"j","speed":0}}""",
        Gone,
        Graph,
        "~" + """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""");

    [SkippableFact]
    public Task A_read_that_fails() =>
        CompareAsync(
            Images.BreakMiddleAsync, Commit(Middle + ""","auto-dismiss":false"""), "@ concluded j", QueryJobs, BlockJobs, Graph);

    [SkippableFact]
    public Task A_read_that_fails_for_no_lack_of_space() =>
        CompareAsync(Images.BreakMiddleAsync, Commit(Middle + ""","on-error":"enospc" """), Gone, Graph);

    [SkippableFact]
    public Task A_read_that_fails_and_stops_the_job() => CompareAsync(
        Images.BreakMiddleAsync,
        Commit(Middle + ""","on-error":"stop" """),
        "@ paused j",
        BlockJobs,
        Verb("job-resume"),
        "@ paused j 2",
        BlockJobs,
        SoftCancel,
        Verb("job-cancel"),
        Gone,
        Graph);

    private static Task CompareAsync(params string[] session) => CompareAsync(_ => Task.CompletedTask, session);

    private static Task CompareAsync(Func<string, Task> prepare, params string[] session) => JobSessions.CompareAsync(
        prepare,
    [
        OpenChain,
        .. session,
    ]);

    /// <summary>One that copies a first piece and then waits for long.</summary>
    private static string Slow(string more = "") => Commit(Middle + ""","speed":1000""" + more);

    private static string Commit(string more, string device = "t", string id = "j") =>
        $$$"""{"execute":"block-commit","arguments":{"job-id":"{{{id}}}","device":"{{{device}}}"{{{more}}} } }""";
}
