// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Children exchanged by blockdev-reopen, as the real daemon exchanges them.</summary>
public sealed class ReopenSessionTests
{
    [SkippableFact]
    public Task Another_file_under_a_raw_node() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":{"driver":"file","node-name":"f","filename":"DIR/disk.raw"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"g","filename":"DIR/base.qcow2"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q","file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"copy-on-read","node-name":"c","file":"q"}}""",
        Reopen("""{"driver":"raw","node-name":"r","file":"nope"}"""),
        Reopen("""{"driver":"raw","node-name":"r","file":"r"}"""),
        Reopen("""{"driver":"raw","node-name":"r"}"""),
        Reopen("""{"driver":"raw","node-name":"r","file":"f"}"""),
        Reopen("""{"driver":"raw","node-name":"r","file":"g"}"""),
        Graph,
        Nodes,
        Reopen("""{"driver":"raw","node-name":"r","file":"g"}"""),
        Reopen("""{"driver":"raw","node-name":"r","file":"f"}"""),
        Reopen("""{"driver":"raw","node-name":"r","file":{"driver":"file","filename":"DIR/disk.raw"}}"""),
        Reopen("""{"driver":"raw","node-name":"r","file":"q"}"""),
        Nodes,
        Reopen("""{"driver":"raw","node-name":"r","file":"c","read-only":true}"""),
        Graph,
        Nodes,
        Reopen("""{"driver":"copy-on-read","node-name":"c","file":"g"}"""));

    [SkippableFact]
    public Task Another_file_under_a_qcow2_image() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q","file":{"driver":"file","node-name":"f","filename":"DIR/base.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"g","filename":"DIR/other.qcow2"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"u","file":"g"}}""",
        Reopen("""{"driver":"qcow2","node-name":"q","file":"g"}"""),
        """{"execute":"blockdev-del","arguments":{"node-name":"u"}}""",
        Reopen("""{"driver":"qcow2","node-name":"q","file":"g"}"""),
        Graph,
        Nodes,
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"b","file":{"driver":"file","filename":"DIR/base.qcow2"}}}""");

    [SkippableFact]
    public Task Filters_are_not_reopened() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"n","size":10485760}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q","file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"copy-on-read","node-name":"c","file":"q"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"copy-before-write","node-name":"w","file":"c","target":"n"}}""",
        Reopen("""{"driver":"copy-on-read","node-name":"c","file":"q"}"""),
        Reopen("""{"driver":"copy-on-read","node-name":"c","file":"n"}"""),
        Reopen("""{"driver":"copy-on-read","node-name":"c"}"""),
        Reopen("""{"driver":"copy-before-write","node-name":"w","file":"c","target":"n"}"""),
        Reopen("""{"driver":"copy-before-write","node-name":"w","file":"c","target":"q"}"""),
        Reopen("""{"driver":"null-co","node-name":"n","size":10485760}"""),
        Reopen("""{"driver":"null-co","node-name":"n","size":10485760},{"driver":"copy-on-read","node-name":"c","file":"q"}"""),
        Graph);

    [SkippableFact]
    public Task Several_of_which_one_fails() => JobSessions.CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":{"driver":"file","node-name":"f","filename":"DIR/disk.raw"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q","file":{"driver":"file","filename":"DIR/base.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"g","filename":"DIR/other.qcow2"}}""",
        Reopen("""{"driver":"raw","node-name":"r","file":"g"},{"driver":"qcow2","node-name":"q","file":"nope"}"""),
        Reopen("""{"driver":"raw","node-name":"r","file":"g"},{"driver":"qcow2","node-name":"q","file":"g"}"""),
        Graph,
        Nodes);

    private static string Reopen(string options) =>
        $$$"""{"execute":"blockdev-reopen","arguments":{"options":[{{{options}}}]}}""";
}
