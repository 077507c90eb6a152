// SPDX-License-Identifier: MIT
namespace BlockHost.Oracle.Tests.Support;

/// <summary>Lines of <see cref="JobSessions"/> about a job "j".</summary>
internal static class SessionLines
{
    /// <summary>Nodes b ◄ m ◄ t.</summary>
    public const string OpenChain =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/top.qcow2"},"backing":{"driver":"qcow2","node-name":"m","file":{"driver":"file","filename":"DIR/middle.qcow2"},"backing":{"driver":"qcow2","node-name":"b","file":{"driver":"file","filename":"DIR/base.qcow2"}}}}}""";

    /// <summary>A node s that holds data.</summary>
    public const string OpenSource =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"s","file":{"driver":"file","filename":"DIR/base.qcow2"}}}""";

    /// <summary>An empty node t.</summary>
    public const string OpenTarget =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/other.qcow2"}}}""";

    public const string QueryJobs = """{"execute":"query-jobs"}""";
    public const string BlockJobs = """{"execute":"query-block-jobs"}""";
    public const string Graph = """{"execute":"x-debug-query-block-graph"}""";

    /// <summary>All nodes, without what they take on disk.</summary>
    public const string Nodes = """~ {"execute":"query-named-block-nodes","arguments":{"flat":true}}""";

    public const string Complete = """{"execute":"job-complete","arguments":{"id":"j"}}""";
    public const string Cancel = """{"execute":"job-cancel","arguments":{"id":"j"}}""";
    public const string SoftCancel = """{"execute":"block-job-cancel","arguments":{"device":"j"}}""";

    /// <summary>Waits until the job can be completed.</summary>
    public const string Ready = "@ BLOCK_JOB_READY j";

    /// <summary>Waits until there is no job any more.</summary>
    public const string Gone = "@ null j";

    /// <param name="by">What the verb calls the job's id.</param>
    public static string Verb(string verb, string by = "id") => $$$"""{"execute":"{{{verb}}}","arguments":{"{{{by}}}":"j"} }""";
}
