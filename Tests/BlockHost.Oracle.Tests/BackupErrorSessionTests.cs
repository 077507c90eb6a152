// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Sessions with backups that meet errors, and what becomes of bitmaps, against the real daemon and this host.</summary>
public sealed class BackupErrorSessionTests
{
    private const int Eio = 5;
    private const int Enospc = 28;
    private const string Bitmap = """{"execute":"x-debug-block-dirty-bitmap-sha256","arguments":{"node":"s","name":"b"}}""";

    [SkippableTheory]
    [InlineData("source", "read", Eio)]
    [InlineData("target", "write", Eio)]
    [InlineData("target", "write", Enospc)]
    public Task An_error_that_is_reported(string side, string kind, int errno) => CompareAsync(
        Broken(side, kind, errno),
        Backup(side, "full", ""","auto-dismiss":false"""),
        "@ concluded j",
        QueryJobs,
        BlockJobs,
        Graph,
        Verb("job-dismiss"));

    [SkippableTheory]
    [InlineData("source", "read", Eio)]
    [InlineData("target", "write", Enospc)]
    public Task An_error_that_stops_it_until_it_is_gone(string side, string kind, int errno) => CompareAsync(
        Broken(side, kind, errno, once: true),
        Backup(side, "full", $",\"on-{side}-error\":\"stop\",\"auto-finalize\":false"),
        "@ paused j 2",
        BlockJobs,
        QueryJobs,
        Verb("job-pause"),
        Verb("job-resume"),
        "@ pending j",
        BlockJobs,
        Verb("job-finalize"),
        Gone);

    [SkippableTheory]
    [InlineData("source", "read", Eio)]
    [InlineData("target", "write", Enospc)]
    public Task An_error_that_stops_it_for_good(string side, string kind, int errno) => CompareAsync(
        Broken(side, kind, errno),
        Backup(side, "full", $",\"on-{side}-error\":\"stop\""),
        "@ paused j 2",
        BlockJobs,
        Verb("job-resume"),
        "@ paused j 3",
        BlockJobs,
        SoftCancel,
        Verb("job-cancel"),
        Gone,
        Graph);

    [SkippableTheory]
    [InlineData(Eio)]
    [InlineData(Enospc)]
    public Task Stopped_where_the_target_is_full(int errno) => CompareAsync(
        Broken("target", "write", errno),
        Backup("target", "full", ""","on-target-error":"enospc" """),
        errno == Enospc ? "@ paused j 2" : Gone,
        BlockJobs,
        """{"execute":"block-job-cancel","arguments":{"device":"j","force":true}}""",
        Gone,
        QueryJobs);

    [SkippableFact]
    public Task An_error_that_is_ignored_once() => CompareAsync(
        Broken("target", "write", Eio, once: true),
        Backup("target", "full", ""","on-target-error":"ignore" """),
        Gone,
        QueryJobs);

    [SkippableFact]
    public Task A_group_that_fails_together() => CompareAsync(
        Broken("target", "write", Eio),
        $$$"""{"execute":"transaction","arguments":{"actions":[{{{Action("g1", "x", "y", "none")}}},{{{Action("g2", "s", "broken", "full")}}}],"properties":{"completion-mode":"grouped"} } }""",
        "@ null g1",
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task One_of_two_that_fails_alone() => CompareAsync(
        Broken("target", "write", Eio),
        $$$"""{"execute":"transaction","arguments":{"actions":[{{{Action("g1", "x", "y", "none")}}},{{{Action("g2", "s", "broken", "full")}}}]}}""",
        "@ null g2",
        QueryJobs,
        """{"execute":"job-cancel","arguments":{"id":"g1"}}""",
        "@ null g1",
        Graph);

    [SkippableTheory]
    [InlineData("incremental", "on-success")]
    [InlineData("bitmap", "on-success")]
    [InlineData("bitmap", "always")]
    [InlineData("bitmap", "never")]
    [InlineData("full", "on-success")]
    [InlineData("full", "always")]
    [InlineData("top", "always")]
    public Task A_bitmap_after_success_and_failure(string sync, string mode) => CompareAsync(
        AddBitmap,
        Fill,
        "@ null fill",
        Bitmap,
        Broken("target", "write", Eio),
        Backup("target", sync, $",\"bitmap\":\"b\",\"bitmap-mode\":\"{mode}\""),
        Gone,
        Bitmap,
        """{"execute":"blockdev-del","arguments":{"node-name":"broken"}}""",
        Nodes,
        Backup("none", sync, $",\"bitmap\":\"b\",\"bitmap-mode\":\"{mode}\""),
        "@ null j 2",
        Bitmap,
        Nodes);

    [SkippableFact]
    public Task A_bitmap_that_is_in_use() => CompareAsync(
        AddBitmap,
        Fill,
        "@ null fill",
        Backup("none", "incremental", ""","bitmap":"b","auto-finalize":false"""),
        "@ pending j",
        BlockJobs,
        """{"execute":"block-dirty-bitmap-clear","arguments":{"node":"s","name":"b"}}""",
        """{"execute":"block-dirty-bitmap-remove","arguments":{"node":"s","name":"b"}}""",
        """{"execute":"block-dirty-bitmap-add","arguments":{"node":"s","name":"b"}}""",
        Backup("none", "incremental", ""","bitmap":"b" """),
        Verb("job-cancel"),
        Gone,
        Bitmap,
        """{"execute":"block-dirty-bitmap-disable","arguments":{"node":"s","name":"b"}}""",
        Backup("none", "incremental", ""","bitmap":"b" """),
        "@ null j 2",
        Nodes,
        """{"execute":"block-dirty-bitmap-remove","arguments":{"node":"s","name":"b"}}""");

    private const string AddBitmap = """{"execute":"block-dirty-bitmap-add","arguments":{"node":"s","name":"b"}}""";

    /// <summary>Writes two MiB of the source.</summary>
    private const string Fill =
        """{"execute":"blockdev-backup","arguments":{"job-id":"fill","device":"base","target":"s","sync":"top"}}""";

    private static Task CompareAsync(params string[] session) => JobSessions.CompareAsync(
    [
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"base","file":{"driver":"file","filename":"DIR/base.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"s","file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"x","size":10485760}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"y","size":10485760}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"t","size":10485760}}""",
        .. session,
    ]);

    private static string Broken(string side, string kind, int errno, bool once = false) => $$$"""
        {"execute":"blockdev-add","arguments":{"driver":"blkdebug","node-name":"broken","image":"{{{(side == "source" ? "base" : "t")}}}",
         "inject-error":[{"event":"none","iotype":"{{{kind}}}","errno":{{{errno}}},"sector":2048,"once":{{{(once ? "true" : "false")}}}}]}}
        """.ReplaceLineEndings("");

    /// <param name="broken">The side on which the broken node is: "source", "target" or "none".</param>
    private static string Backup(string broken, string sync, string more)
    {
        var (source, target) = (
            broken == "source" ? "broken" : sync is "full" && broken == "target" && !more.Contains("bitmap") ? "base" : "s",
            broken == "target" ? "broken" : "t");
        return $$$"""{"execute":"blockdev-backup","arguments":{{{{Arguments("j", source, target, sync, more)}}}}}""";
    }

    private static string Action(string job, string source, string target, string sync) =>
        $$$"""{"type":"blockdev-backup","data":{{{{Arguments(job, source == "s" ? "base" : source, target, sync, "")}}}}}""";

    private static string Arguments(string job, string source, string target, string sync, string more) =>
        $$$""" "job-id":"{{{job}}}","device":"{{{source}}}","target":"{{{target}}}","sync":"{{{sync}}}"{{{more}}} """;
}
