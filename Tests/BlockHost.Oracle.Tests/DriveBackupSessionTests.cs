// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Backups to images that are named by file, against the real daemon and this host.</summary>
public sealed class DriveBackupSessionTests
{
    [SkippableFact]
    public Task Targets_that_cannot_be_made_or_found() => CompareAsync(
        Backup("full", "DIR/o", device: "nope"),
        Backup("full", "DIR/o", ""","format":"nope" """),
        Backup("full", "DIR/o", ""","format":"null-co" """),
        Backup("top", "DIR/o", ""","format":"raw" """),
        Backup("none", "DIR/o", ""","format":"raw" """),
        Backup("full", "nope:x"),
        Backup("full", "json:{}"),
        Backup("full", ""),
        Backup("full", "DIR/absent/o"),
        Backup("full", "DIR/top.qcow2"),
        Backup("none", "DIR/top.qcow2"),
        Backup("top", "DIR/middle.qcow2"),
        Backup("full", "DIR/absent", ""","mode":"existing" """),
        Backup("full", "DIR/absent", ""","mode":"existing","format":"nope" """),
        Backup("full", "", ""","mode":"existing" """),
        Backup("full", "DIR/disk.raw", ""","mode":"existing","format":"qcow2" """),
        Backup("full", "DIR/disk.raw", ""","mode":"existing","format":"raw" """),
        Backup("none", "DIR/disk.raw", ""","mode":"existing","format":"raw" """),
        Backup("full", "DIR/other.qcow2", ""","mode":"nope" """),
        """{"execute":"drive-backup","arguments":{"device":"t","target":"DIR/o"}}""",
        """{"execute":"drive-backup","arguments":{"device":"t","target":"DIR/o","sync":"full"}}""",
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task Backups_that_do_not_start() => CompareAsync(
        """{"execute":"block-dirty-bitmap-add","arguments":{"node":"t","name":"b"}}""",
        Backup("full", "DIR/o", ""","speed":-1"""),
        Backup("full", "DIR/o", ""","bitmap":"nope" """),
        Backup("full", "DIR/o", ""","bitmap":"b" """),
        Backup("none", "DIR/o", ""","bitmap":"b","bitmap-mode":"always" """),
        Backup("full", "DIR/o", ""","bitmap-mode":"never" """),
        Backup("incremental", "DIR/o"),
        Backup("bitmap", "DIR/o"),
        Backup("bitmap", "DIR/o", ""","bitmap":"b" """),
        Backup("full", "DIR/o", ""","format":"raw","compress":true"""),
        Backup("full", "DIR/o", ""","filter-node-name":"t" """),
        Backup("full", "DIR/o", ""","filter-node-name":"1x" """),
        Backup("full", "DIR/o", ""","job-id":"" """),
        Backup("full", "DIR/o", ""","x-perf":{"max-workers":0}"""),
        Backup("full", "DIR/o", ""","x-perf":{"max-chunk":-1}"""),
        QueryJobs,
        Graph,
        Nodes);

    [SkippableFact]
    public Task The_whole_disk_to_a_new_image_of_its_format() => CompareAsync(
        Backup("full", "DIR/o", ""","auto-finalize":false,"auto-dismiss":false"""),
        "@ pending j",
        QueryJobs,
        Graph,
        Nodes,
        Verb("job-finalize"),
        Graph,
        Verb("job-dismiss"),
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"o","file":{"driver":"file","filename":"DIR/o"}}}""",
        Nodes);

    [SkippableFact]
    public Task To_raw_and_compressed_and_to_images_that_are_there() => CompareAsync(
        Backup("full", "DIR/o1", ""","format":"raw" """),
        Gone,
        Backup("full", "DIR/o2", ""","compress":true"""),
        "@ null j 2",
        Backup("full", "DIR/other.qcow2", ""","mode":"existing","format":"qcow2" """),
        "@ null j 3",
        Backup("full", "DIR/other.qcow2", ""","mode":"existing" """),
        "@ null j 4",
        Backup("full", "file:DIR/o3", device: "f"),
        "@ null j 5",
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task Only_the_top_image() => CompareAsync(
        Backup("top", "DIR/o", ""","auto-finalize":false,"auto-dismiss":false"""),
        "@ pending j",
        QueryJobs,
        Graph,
        Nodes,
        Verb("job-finalize"),
        Verb("job-dismiss"),
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"b","read-only":true,"file":{"driver":"file","filename":"DIR/base.qcow2"}}}""",
        Backup("top", "DIR/o2", ""","auto-dismiss":false""", device: "b"),
        "@ concluded j 2",
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task Only_what_is_about_to_be_overwritten() => CompareAsync(
        Backup("none", "DIR/o"),
        "@ running j",
        QueryJobs,
        Graph,
        Nodes,
        Verb("job-cancel"),
        Gone,
        Backup("none", "DIR/other.qcow2", ""","mode":"existing","format":"qcow2","filter-node-name":"filter" """),
        "@ running j 2",
        Graph,
        Nodes,
        Backup("full", "DIR/o2", ""","job-id":"j" """),
        Verb("job-cancel"),
        "@ null j 2",
        Graph);

    [SkippableFact]
    public Task What_a_bitmap_says() => CompareAsync(
        """{"execute":"block-dirty-bitmap-add","arguments":{"node":"t","name":"b"}}""",
        Backup("incremental", "DIR/o", ""","bitmap":"b" """),
        Gone,
        Backup("bitmap", "DIR/o", ""","bitmap":"b","bitmap-mode":"never","mode":"existing" """),
        "@ null j 2",
        Nodes,
        Graph);

    [SkippableFact]
    public Task In_a_transaction() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q","file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
        Transaction("", Action("t", "DIR/o1", "a"), """{"type":"abort","data":{}}"""),
        Graph,
        Transaction("", Action("t", "DIR/o2", "a"), Action("nope", "DIR/o3", "b")),
        Transaction("", Action("t", "DIR/o2", "a"), Action("q", "DIR/o3", "a")),
        Transaction(
            "",
            Action("t", "DIR/o4", "a"),
            Action("q", "DIR/o5", "b", "none"),
            """{"type":"block-dirty-bitmap-add","data":{"node":"t","name":"bm"}}"""),
        "@ null a 4",
        Nodes,
        """{"execute":"job-cancel","arguments":{"id":"b"}}""",
        "@ null b",
        Nodes,
        Graph);

    private static Task CompareAsync(params string[] session) => JobSessions.CompareAsync(
    [
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","cache":{"no-flush":true},"file":{"driver":"file","node-name":"f","filename":"DIR/top.qcow2"}}}""",
        .. session,
    ]);

    private static string Backup(string sync, string target, string more = "", string device = "t")
    {
        var id = more.Contains("job-id") ? "" : ""","job-id":"j" """;
        return $$$"""{"execute":"drive-backup","arguments":{"device":"{{{device}}}","target":"{{{target}}}","sync":"{{{sync}}}"{{{id}}}{{{more}}}}}""";
    }

    private static string Action(string device, string target, string id, string sync = "full") =>
        $$$"""{"type":"drive-backup","data":{"device":"{{{device}}}","target":"{{{target}}}","sync":"{{{sync}}}","job-id":"{{{id}}}"}}""";

    private static string Transaction(string more, params string[] actions) =>
        $$$"""{"execute":"transaction","arguments":{"actions":[{{{string.Join(",", actions)}}}]{{{more}}}}}""";
}
