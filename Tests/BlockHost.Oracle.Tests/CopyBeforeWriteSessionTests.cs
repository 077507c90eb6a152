// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Sessions with filters that copy before writing, against the real daemon and this host.</summary>
public sealed class CopyBeforeWriteSessionTests
{
    [SkippableFact]
    public Task Options() => CompareAsync(
        Add(""),
        Add(""","file":"s" """),
        Add(""","file":"s","target":"nope" """),
        Add(""","file":"nope","target":"t" """),
        Add(""","file":"s","target":"t","bitmap":{"node":"s","name":"b"}"""),
        Add(""","file":"s","target":"t","bitmap":{"node":"x","name":"b"}"""),
        Add(""","file":"s","target":"t","bitmap":"b" """),
        Add(""","file":"s","target":"t","on-cbw-error":"nope" """),
        Add(""","file":"s","target":"t","cbw-timeout":-1"""),
        Add(""","file":"s","target":"t","cbw-timeout":5000000000"""),
        Add(""","file":"s","target":"t","x":1"""),
        Graph);

    [SkippableFact]
    public Task Its_place_in_the_graph() => CompareAsync(
        Add(""","file":"s","target":"t" """),
        Graph,
        """{"execute":"blockdev-add","arguments":{"driver":"snapshot-access","node-name":"a","file":"c"}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"snapshot-access","node-name":"d","file":"nope"}}""",
        Graph,
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/nbd.sock"}}}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"c","writable":true}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"f","node-name":"a"}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"g","node-name":"s","writable":true}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"h","node-name":"t"}}""",
        Graph,
        """{"execute":"blockdev-del","arguments":{"node-name":"c"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        """{"execute":"nbd-server-stop"}""");

    [SkippableFact]
    public Task As_queries_show_it() => CompareAsync(
        Add(""","file":"s","target":"t" """),
        """{"execute":"blockdev-add","arguments":{"driver":"snapshot-access","node-name":"a","file":"c"}}""",
        """{"execute":"blockdev-backup","arguments":{"job-id":"j","device":"s","target":"t","sync":"none"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"a"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"c"}}""",
        Graph);

    private static Task CompareAsync(params string[] session) => JobSessions.CompareAsync(
    [
        OpenSource,
        OpenTarget,
        .. session,
    ]);

    private static string Add(string more) =>
        $$$"""{"execute":"blockdev-add","arguments":{"driver":"copy-before-write","node-name":"c"{{{more}}} } }""";
}
