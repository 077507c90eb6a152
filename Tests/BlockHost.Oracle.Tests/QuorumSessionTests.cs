// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Sessions with quorums, against the real daemon and this host.</summary>
public sealed class QuorumSessionTests
{
    [SkippableFact]
    public Task Options() => CompareAsync(
        Add(""" "vote-threshold":1,"children":[]"""),
        Add(""" "vote-threshold":4,"children":["a","b","c"]"""),
        Add(""" "vote-threshold":0,"children":["a","b","c"]"""),
        Add(""" "vote-threshold":-1,"children":["a","b","c"]"""),
        Add(""" "vote-threshold":2,"children":["a","b","c"],"blkverify":true"""),
        Add(""" "vote-threshold":2,"children":["a","b"],"blkverify":true,"rewrite-corrupted":true"""),
        Add(""" "vote-threshold":2,"children":["a","b"],"read-pattern":"x" """),
        Add(""" "vote-threshold":2,"children":["a","nope"]"""),
        Add(""" "vote-threshold":2,"children":"a" """),
        Add(""" "vote-threshold":2"""),
        Add(""" "children":["a"]"""),
        Add(""" "vote-threshold":1,"children":["a"],"x":1"""),
        Add(""" "vote-threshold":1,"children":["a","b"],"rewrite-corrupted":true,"read-only":true"""),
        Graph,
        Delete,
        Add(""" "vote-threshold":1,"children":[{"driver":"file","filename":"DIR/disk.raw"}],"rewrite-corrupted":true,"read-only":true"""),
        Add(""" "vote-threshold":1,"children":["a","other"]"""),
        Add(""" "vote-threshold":2,"children":["a","a"]"""),
        Nodes,
        Delete,
        Nodes);

    [SkippableFact]
    public Task Its_names_and_its_place_in_the_graph() => CompareAsync(
        Add(""" "vote-threshold":1,"children":["a",{"driver":"raw","node-name":"in","file":{"driver":"file","filename":"DIR/disk.raw"}}],"rewrite-corrupted":true"""),
        Nodes,
        Graph,
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/nbd.sock"}}}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"q","writable":true}}""",
        Graph,
        """{"execute":"block_resize","arguments":{"node-name":"q","size":2097152}}""",
        """{"execute":"blockdev-snapshot-internal-sync","arguments":{"device":"q","name":"x"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"o","backing":"q","file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
        Nodes,
        """{"execute":"nbd-server-stop"}""");

    [SkippableFact]
    public Task Children_that_come_and_go() => CompareAsync(
        Add(""" "vote-threshold":2,"children":["a","b"],"read-pattern":"quorum" """),
        Change(""" "parent":"q","node":"c" """),
        Change(""" "parent":"q","child":"children.1","node":"c" """),
        Change(""" "parent":"q","child":"children.9" """),
        Change(""" "parent":"q" """),
        Change(""" "parent":"q","node":"nope" """),
        Change(""" "parent":"a","node":"c" """),
        Change(""" "parent":"nope","node":"c" """),
        Change(""" "parent":"q","child":"children.0" """),
        Change(""" "parent":"q","child":"children.1" """),
        Graph,
        Change(""" "parent":"q","node":"b" """),
        Change(""" "parent":"q","node":"a" """),
        Change(""" "parent":"q","child":"children.3" """),
        Change(""" "parent":"q","node":"a" """),
        Graph,
        Change(""" "parent":"q","node":"q" """),
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":"q"}}""",
        Change(""" "parent":"q","node":"r" """),
        Change(""" "parent":"r","node":"a" """),
        Change(""" "parent":"r","child":"file" """),
        Delete);

    [SkippableFact]
    public Task One_that_compares_takes_no_more() => CompareAsync(
        Add(""" "vote-threshold":2,"children":["a","b"],"blkverify":true"""),
        Change(""" "parent":"q","node":"c" """),
        Change(""" "parent":"q","child":"children.0" """),
        Nodes);

    private const string Delete = """{"execute":"blockdev-del","arguments":{"node-name":"q"}}""";

    private static Task CompareAsync(params string[] session) => JobSessions.CompareAsync(
        async folder =>
        {
            foreach (var name in (string[])["a", "b", "c"])
                await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "raw", $"{folder}/{name}.raw", "1M");
        },
        [
            Open("a", "a.raw"),
            Open("b", "b.raw"),
            Open("c", "c.raw"),
            Open("other", "base.qcow2"),
            .. session,
        ]);

    private static string Open(string node, string file) =>
        $$$"""{"execute":"blockdev-add","arguments":{"driver":"file","node-name":"{{{node}}}","filename":"DIR/{{{file}}}"}}""";

    private static string Add(string options) =>
        $$$"""{"execute":"blockdev-add","arguments":{"driver":"quorum","node-name":"q",{{{options}}} } }""";

    private static string Change(string arguments) => $$$"""{"execute":"x-blockdev-change","arguments":{{{{arguments}}} } }""";
}
