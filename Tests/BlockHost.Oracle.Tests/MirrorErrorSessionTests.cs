// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Mirrors from and to nodes that fail, against the real daemon and this host.</summary>
public sealed class MirrorErrorSessionTests
{
    private const int EIO = 5;
    private const int ENOSPC = 28;
    private const string Resume = """{"execute":"job-resume","arguments":{"id":"j"}}""";

    [SkippableTheory]
    [InlineData("report", EIO)]
    [InlineData("report", ENOSPC)]
    [InlineData("enospc", EIO)]
    public Task A_write_error_ends_it(string policy, int errno) =>
        CompareAsync(Good("s"), Bad("t", "other", "write", errno), Mirror(target: policy), Gone, BlockJobs);

    [SkippableTheory]
    [InlineData("stop", EIO, "write")]
    [InlineData("stop", ENOSPC, "write")]
    [InlineData("enospc", ENOSPC, "write")]
    [InlineData("stop", EIO, "flush")]
    public Task A_write_error_stops_it_until_it_is_resumed(string policy, int errno, string what) => CompareAsync(
        Good("s"),
        Bad("t", "other", what, errno),
        Mirror(target: policy),
        "@ paused j",
        BlockJobs,
        Resume,
        Ready,
        BlockJobs,
        Complete,
        Gone);

    [SkippableTheory]
    [InlineData("write")]
    [InlineData("write-zeroes")]
    [InlineData("flush")]
    public Task A_write_error_is_ignored(string what) =>
        CompareAsync(Good("s"), Bad("t", "other", what, EIO), Mirror(target: "ignore"), Ready, BlockJobs, Complete, Gone);

    [SkippableTheory]
    [InlineData("report")]
    [InlineData("enospc")]
    public Task A_read_error_ends_it(string policy) =>
        CompareAsync(Bad("s", "base", "read", EIO), Good("t"), Mirror(source: policy), Gone, BlockJobs);

    [SkippableFact]
    public Task A_read_error_stops_it_until_it_is_resumed() => CompareAsync(
        Bad("s", "base", "read", EIO),
        Good("t"),
        Mirror(source: "stop"),
        "@ paused j",
        BlockJobs,
        Resume,
        Ready,
        BlockJobs,
        Complete,
        Gone);

    [SkippableFact]
    public Task A_read_error_is_ignored() =>
        CompareAsync(Bad("s", "base", "read", EIO), Good("t"), Mirror(source: "ignore"), Ready, BlockJobs, Complete, Gone);

    [SkippableFact]
    public Task A_cancel_while_an_error_has_stopped_it() => CompareAsync(
        Bad("s", "base", "read", EIO),
        Good("t"),
        Mirror(source: "stop"),
        "@ paused j",
        """{"execute":"job-pause","arguments":{"id":"j"}}""",
        Complete,
        SoftCancel,
        Cancel,
        Gone,
        BlockJobs);

    [SkippableFact]
    public Task A_guest_does_not_see_that_its_write_failed_on_the_target() => CompareAsync(
        Good("s"),
        Export,
        Serve,
        Bad("t", "other", "write", EIO, sector: 6144),
        Mirror(target: "stop", more: ""","copy-mode":"write-blocking" """),
        Ready,
        Guest("write -q -P 9 3M 64k"),
        "@ standby j",
        BlockJobs,
        Guest("write -q -P 9 5M 64k"),
        BlockJobs,
        Resume,
        "@ ready j 2",
        "@ progress j 10616832",
        BlockJobs,
        Complete,
        Gone,
        Guest("read -q -P 9 3M 64k"),
        Guest("read -q -P 9 5M 64k"));

    [SkippableFact]
    public Task A_guest_outlives_a_mirror_that_ends_by_its_write() => CompareAsync(
        Good("s"),
        Export,
        Serve,
        Bad("t", "other", "write", EIO, sector: 6144),
        Mirror(target: "report", more: ""","copy-mode":"write-blocking" """),
        Ready,
        Guest("write -q -P 9 3M 64k"),
        Gone,
        Guest("read -q -P 9 3M 64k"),
        """{"execute":"query-block-exports"}""");

    private const string Export =
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/n.sock"} } } }""";
    private const string Serve =
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"s","writable":true,"name":"e"}}""";

    private static Task CompareAsync(params string[] session) => JobSessions.CompareAsync(session);

    private static string Good(string name) => $$$"""
        {"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"{{{name}}}","file":{"driver":"file","filename":"DIR/{{{(name == "s" ? "base" : "other")}}}.qcow2"} } }
        """.Trim();

    /// <summary>A node on which one request fails.</summary>
    private static string Bad(string name, string image, string what, int errno, int? sector = null) => $$$"""
        {"execute":"blockdev-add","arguments":{"driver":"blkdebug","node-name":"{{{name}}}","image":{"driver":"qcow2","file":{"driver":"file","filename":"DIR/{{{image}}}.qcow2"} },"inject-error":[{"event":"none","iotype":"{{{what}}}","errno":{{{errno}}},"once":true{{{(sector is null ? "" : $",\"sector\":{sector}")}}} }]}}
        """.Trim();

    private static string Mirror(string source = "report", string target = "report", string more = "") => $$$"""
        {"execute":"blockdev-mirror","arguments":{"job-id":"j","device":"s","target":"t","sync":"full","on-source-error":"{{{source}}}","on-target-error":"{{{target}}}"{{{more}}} } }
        """.Trim();

    private static string Guest(string command) => $"$ DIR/n.sock e {command}";
}
