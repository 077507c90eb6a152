// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Snapshots inside images, as the real daemon takes, refuses and deletes them.</summary>
public sealed class InternalSnapshotSessionTests
{
    private const string Disk =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/top.qcow2","node-name":"f"}}}""";
    private const string Raw =
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":{"driver":"file","filename":"DIR/disk.raw"}}}""";
    private const string ReadOnly =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"ro","read-only":true,"file":{"driver":"file","filename":"DIR/other.qcow2"}}}""";

    [SkippableFact]
    public Task Snapshots_that_cannot_be_taken() => JobSessions.CompareAsync(
        Disk,
        Raw,
        ReadOnly,
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"rro","read-only":true,"file":{"driver":"null-co"}}}""",
        Take("nope", "a"),
        Take("f", "a"),
        Take("r", ""),
        Take("r", "a"),
        Take("ro", ""),
        Take("ro", "a"),
        Take("rro", "a"),
        Take("t", ""),
        """{"execute":"blockdev-snapshot-internal-sync","arguments":{"device":"t"}}""",
        """{"execute":"blockdev-snapshot-internal-sync","arguments":{"name":"t"}}""",
        """{"execute":"blockdev-snapshot-internal-sync","arguments":{"device":"t","name":"a","x":1}}""",
        Nodes);

    [SkippableFact]
    public Task Snapshots_taken_listed_and_deleted() => JobSessions.CompareAsync(
        Disk,
        Raw,
        ReadOnly,
        Take("t", "a"),
        Take("t", "a"),
        Take("t", "1"),
        Take("t", new string('x', 300)),
        Nodes,
        Delete("nope", "\"name\":\"a\""),
        Delete("f", "\"name\":\"a\""),
        Delete("r", "\"name\":\"a\""),
        Delete("ro", "\"name\":\"a\""),
        """{"execute":"blockdev-snapshot-delete-internal-sync","arguments":{"device":"t"}}""",
        Delete("t", "\"name\":\"\""),
        Delete("t", "\"id\":\"\",\"name\":\"\""),
        Delete("t", "\"id\":\"1\",\"name\":\"b\""),
        Delete("t", "\"id\":\"9\""),
        Delete("t", "\"name\":\"1\""),
        Delete("t", "\"id\":\"1\""),
        Take("t", "b"),
        Nodes,
        Delete("t", "\"id\":\"4\",\"name\":\"b\""),
        Delete("t", "\"id\":\"3\""),
        Nodes);

    [SkippableFact]
    public Task Snapshots_of_an_image_below_a_filter_or_a_raw_node() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":{"driver":"qcow2","node-name":"q","file":{"driver":"file","filename":"DIR/other.qcow2"}}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"copy-on-read","node-name":"c","file":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/top.qcow2"}}}}""",
        Take("r", "a"),
        Take("c", "a"),
        Take("t", "a"),
        Nodes,
        Delete("r", "\"name\":\"a\""),
        Delete("c", "\"name\":\"a\""));

    [SkippableFact]
    public Task Snapshots_of_a_node_that_a_job_uses() => JobSessions.CompareAsync(
        Disk,
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"n","size":10485760}}""",
        Take("t", "a"),
        """{"execute":"blockdev-mirror","arguments":{"job-id":"m","device":"t","target":"n","sync":"none"}}""",
        "@ ready m",
        Nodes,
        Take("t", "b"),
        Delete("t", "\"name\":\"a\""),
        """{"execute":"block-job-cancel","arguments":{"device":"m","force":true}}""",
        "@ null m",
        Take("t", "b"),
        Nodes);

    private static string Take(string device, string name) =>
        $$$"""{"execute":"blockdev-snapshot-internal-sync","arguments":{"device":"{{{device}}}","name":"{{{name}}}"}}""";

    private static string Delete(string device, string which) =>
        $$$"""{"execute":"blockdev-snapshot-delete-internal-sync","arguments":{"device":"{{{device}}}",{{{which}}}}}""";
}
