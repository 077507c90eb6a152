// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>
/// The same sessions with jobs against the real daemon and this host: the same answers, the same events in the same order.
/// </summary>
public sealed class JobSessionTests
{
    [SkippableFact]
    public Task Verbs_for_jobs_that_are_not_there() => JobSessions.CompareAsync(
        """{"execute":"job-pause","arguments":{"id":"x"}}""",
        """{"execute":"job-resume","arguments":{"id":"x"}}""",
        """{"execute":"job-cancel","arguments":{"id":"x"}}""",
        """{"execute":"job-complete","arguments":{"id":"x"}}""",
        """{"execute":"job-finalize","arguments":{"id":"x"}}""",
        """{"execute":"job-dismiss","arguments":{"id":"x"}}""",
        """{"execute":"block-job-pause","arguments":{"device":"x"}}""",
        """{"execute":"block-job-resume","arguments":{"device":"x"}}""",
        """{"execute":"block-job-cancel","arguments":{"device":"x"}}""",
        """{"execute":"block-job-cancel","arguments":{"device":"x","force":true}}""",
        """{"execute":"block-job-complete","arguments":{"device":"x"}}""",
        """{"execute":"block-job-set-speed","arguments":{"device":"x","speed":-1}}""",
        """{"execute":"block-job-set-speed","arguments":{"device":"x"}}""",
        """{"execute":"block-job-finalize","arguments":{"id":"x"}}""",
        """{"execute":"block-job-finalize","arguments":{"device":"x"}}""",
        """{"execute":"block-job-dismiss","arguments":{"id":"x"}}""",
        """{"execute":"job-dismiss"}""",
        QueryJobs,
        BlockJobs);

    [SkippableFact]
    public Task Creating_a_file() => JobSessions.CompareAsync(
        """{"execute":"blockdev-create","arguments":{"job-id":"c","options":{"driver":"file","filename":"DIR/new.raw","size":1048576}}}""",
        "@ concluded c",
        QueryJobs,
        BlockJobs,
        """{"execute":"job-pause","arguments":{"id":"c"}}""",
        """{"execute":"job-resume","arguments":{"id":"c"}}""",
        """{"execute":"job-cancel","arguments":{"id":"c"}}""",
        """{"execute":"job-complete","arguments":{"id":"c"}}""",
        """{"execute":"job-finalize","arguments":{"id":"c"}}""",
        """{"execute":"block-job-dismiss","arguments":{"id":"c"}}""",
        """{"execute":"blockdev-create","arguments":{"job-id":"c","options":{"driver":"file","filename":"DIR/new.raw","size":1048576}}}""",
        """{"execute":"job-dismiss","arguments":{"id":"c"}}""",
        QueryJobs,
        """{"execute":"blockdev-create","arguments":{"job-id":"c","options":{"driver":"file","filename":"DIR/new.raw","size":512}}}""",
        "@ concluded c 2",
        """{"execute":"job-dismiss","arguments":{"id":"c"}}""");

    [SkippableFact]
    public Task Creating_a_qcow2_image_in_its_file() => JobSessions.CompareAsync(
        """{"execute":"blockdev-create","arguments":{"job-id":"file","options":{"driver":"file","filename":"DIR/new.qcow2","size":0}}}""",
        "@ concluded file",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"f","filename":"DIR/new.qcow2"}}""",
        """{"execute":"blockdev-create","arguments":{"job-id":"format","options":{"driver":"qcow2","file":"f","size":1048576}}}""",
        "@ concluded format",
        QueryJobs,
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q","file":"f"}}""",
        """{"execute":"job-dismiss","arguments":{"id":"file"}}""",
        """{"execute":"job-dismiss","arguments":{"id":"format"}}""");

    [SkippableFact]
    public Task Images_that_cannot_be_created() => JobSessions.CompareAsync(
        """{"execute":"blockdev-create","arguments":{"job-id":"a","options":{"driver":"file","filename":"DIR/nowhere/new.raw","size":1048576}}}""",
        "@ concluded a",
        """{"execute":"blockdev-create","arguments":{"job-id":"b","options":{"driver":"qcow2","file":"nofile","size":1048576}}}""",
        "@ concluded b",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"f","filename":"DIR/disk.raw"}}""",
        """{"execute":"blockdev-create","arguments":{"job-id":"c","options":{"driver":"qcow2","file":"f","size":1048576,"refcount-bits":3}}}""",
        "@ concluded c",
        """{"execute":"blockdev-create","arguments":{"job-id":"d","options":{"driver":"qcow2","file":"f","size":1048576,"cluster-size":1}}}""",
        "@ concluded d",
        """{"execute":"blockdev-create","arguments":{"job-id":"e","options":{"driver":"null-co"}}}""",
        """{"execute":"blockdev-create","arguments":{"job-id":"e","options":{"driver":"nope"}}}""",
        """{"execute":"blockdev-create","arguments":{"job-id":"e","options":{"driver":"file","filename":"DIR/x"}}}""",
        """{"execute":"blockdev-create","arguments":{"options":{"driver":"file","filename":"DIR/x","size":0}}}""",
        """{"execute":"blockdev-create","arguments":{"job-id":"1e","options":{"driver":"file","filename":"DIR/x","size":0}}}""",
        """{"execute":"blockdev-create","arguments":{"job-id":"","options":{"driver":"file","filename":"DIR/x","size":0}}}""",
        QueryJobs);

    [SkippableFact]
    public Task Creating_over_a_node_that_is_in_use() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"f","filename":"DIR/base.qcow2"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q","file":"f"}}""",
        """{"execute":"blockdev-create","arguments":{"job-id":"a","options":{"driver":"qcow2","file":"f","size":1048576}}}""",
        "@ concluded a",
        QueryJobs,
        """{"execute":"job-dismiss","arguments":{"id":"a"}}""");

    [SkippableFact]
    public Task Amending() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q","file":{"driver":"file","filename":"DIR/base.qcow2","node-name":"f"}}}""",
        """{"execute":"x-blockdev-amend","arguments":{"job-id":"a","node-name":"q","options":{"driver":"qcow2"}}}""",
        "@ concluded a",
        QueryJobs,
        """{"execute":"x-blockdev-amend","arguments":{"job-id":"b","node-name":"q","options":{"driver":"raw"}}}""",
        """{"execute":"x-blockdev-amend","arguments":{"job-id":"b","node-name":"nope","options":{"driver":"raw"}}}""",
        """{"execute":"x-blockdev-amend","arguments":{"job-id":"b","node-name":"q","options":{"driver":"qcow2","compat":"0.10"}}}""",
        """{"execute":"x-blockdev-amend","arguments":{"job-id":"a","node-name":"q","options":{"driver":"qcow2"}}}""",
        """{"execute":"x-blockdev-amend","arguments":{"job-id":"b","node-name":"f","options":{"driver":"file"}}}""",
        """{"execute":"job-dismiss","arguments":{"id":"a"}}""",
        QueryJobs);

    [SkippableFact]
    public Task Transactions_that_fail() => JobSessions.CompareAsync(
        """{"execute":"transaction","arguments":{"actions":[]}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"abort","data":{}}]}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"abort"}]}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"nope","data":{}}]}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"abort","data":{"x":1}}]}}""",
        """{"execute":"transaction","arguments":{}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"abort","data":{}}],"properties":{"completion-mode":"nope"}}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"abort","data":{}}],"properties":{"completion-mode":"grouped"}}}""");

    [SkippableFact]
    public Task Snapshots_in_a_transaction() => JobSessions.CompareAsync(
        Add("b", "base"),
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot-sync","data":{"node-name":"b","snapshot-file":"DIR/s1.qcow2","snapshot-node-name":"s1"}}],"properties":{"completion-mode":"grouped"}}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot-sync","data":{"node-name":"b","snapshot-file":"DIR/s1.qcow2","snapshot-node-name":"s1"}},{"type":"abort","data":{}}]}}""",
        Graph,
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot-sync","data":{"node-name":"b","snapshot-file":"DIR/s1.qcow2","snapshot-node-name":"s1"}},{"type":"blockdev-snapshot-sync","data":{"node-name":"b","snapshot-file":"DIR/s2.qcow2","snapshot-node-name":"s2"}}]}}""",
        Graph,
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot-sync","data":{"node-name":"b","snapshot-file":"DIR/s1.qcow2","snapshot-node-name":"s1"}},{"type":"blockdev-snapshot-sync","data":{"node-name":"s1","snapshot-file":"DIR/s2.qcow2","snapshot-node-name":"s2"}}]}}""",
        Graph,
        """{"execute":"block_resize","arguments":{"node-name":"b","size":1048576}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"b"}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot-sync","data":{"node-name":"b"}}]}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot-sync","data":{"node-name":"nope","snapshot-file":"DIR/s3.qcow2","snapshot-node-name":"s3"}}]}}""",
        """{"execute":"query-named-block-nodes","arguments":{"flat":true}}""");

    [SkippableFact]
    public Task Open_overlays_in_a_transaction() => JobSessions.CompareAsync(
        Add("b", "base"),
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"o","backing":null,"file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot","data":{"node":"b","overlay":"o"}},{"type":"abort","data":{}}]}}""",
        Graph,
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot","data":{"node":"b","overlay":"nope"}}]}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot","data":{"node":"b","overlay":"o"}}],"properties":{"completion-mode":"grouped"}}}""",
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot","data":{"node":"b","overlay":"o"}},{"type":"blockdev-snapshot","data":{"node":"b","overlay":"o"}}]}}""",
        Graph,
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot","data":{"node":"b","overlay":"o"}}]}}""",
        Graph,
        """{"execute":"blockdev-del","arguments":{"node-name":"o"}}""",
        Graph);


    private static string Add(string node, string image) =>
        $$$"""{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"{{{node}}}","file":{"driver":"file","filename":"DIR/{{{image}}}.qcow2" } } }""";
}
