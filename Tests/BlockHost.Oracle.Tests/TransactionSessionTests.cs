// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Transactions of mixed actions, through and taken back half way, against the real daemon.</summary>
public sealed class TransactionSessionTests
{
    private const string Abort = """{"type":"abort","data":{}}""";
    private const string Fail = """{"type":"block-dirty-bitmap-clear","data":{"node":"t","name":"nope"}}""";
    private const string Disk =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"t","file":{"driver":"file","filename":"DIR/top.qcow2"}}}""";
    private const string Overlay =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"o","backing":null,"file":{"driver":"file","filename":"DIR/other.qcow2"}}}""";

    [SkippableFact]
    public Task An_internal_snapshot_that_is_taken_back() => JobSessions.CompareAsync(
        Disk,
        Transaction(Internal("t", "a"), Abort),
        Transaction(Internal("t", "a"), Internal("t", "b"), Internal("t", "a")),
        Transaction(Internal("t", "a"), Internal("t", "b"), Fail),
        Nodes,
        Transaction(Internal("t", "a"), Internal("t", "b")),
        Nodes,
        Transaction(Internal("t", "c"), Internal("nope", "d")),
        """{"execute":"transaction","arguments":{"actions":[{"type":"blockdev-snapshot-internal-sync","data":{"device":"t","name":"d"}}],"properties":{"completion-mode":"grouped"}}}""",
        Nodes);

    [SkippableFact]
    public Task Internal_and_external_snapshots_in_one() => JobSessions.CompareAsync(
        Disk,
        Overlay,
        Transaction(Internal("t", "a"), External("t", "s"), Abort),
        Transaction(External("t", "s"), Internal("t", "a")),
        Transaction(Internal("t", "a"), Cover("t", "o"), Fail),
        Graph,
        Nodes,
        Transaction(Internal("t", "a"), Cover("t", "o")),
        Graph,
        Nodes,
        Transaction(Internal("o", "b"), Internal("t", "b")),
        """{"execute":"blockdev-snapshot-delete-internal-sync","arguments":{"device":"o","name":"b"}}""",
        Transaction(Internal("o", "b")),
        Nodes);

    [SkippableFact]
    public Task Bitmaps_and_snapshots_in_one() => JobSessions.CompareAsync(
        Disk,
        Overlay,
        Transaction(Bitmap("add", "t", "one"), Internal("t", "a"), Cover("t", "o"), Bitmap("add", "o", "two"), Abort),
        Nodes,
        Transaction(
            Bitmap("add", "t", "one"),
            Internal("t", "a"),
            Bitmap("disable", "t", "one"),
            Cover("t", "o"),
            Bitmap("add", "o", "two")),
        Nodes,
        Graph,
        Transaction(Bitmap("remove", "o", "two"), Bitmap("add", "o", "two"), Internal("o", "b"), Fail),
        Nodes,
        Transaction(Bitmap("remove", "o", "two"), Bitmap("add", "o", "three"), Internal("o", "b")),
        Nodes);

    [SkippableFact]
    public Task Snapshots_of_several_disks_of_which_the_last_fails() => JobSessions.CompareAsync(
        Disk,
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":{"driver":"file","filename":"DIR/disk.raw"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"q","file":{"driver":"file","filename":"DIR/other.qcow2"}}}""",
        Transaction(External("t", "s1"), External("r", "s2"), External("q", "s3"), External("nope", "s4")),
        Transaction(External("t", "s1"), Internal("q", "a"), Internal("r", "a")),
        Transaction(External("t", "s1"), External("t", "s2")),
        Transaction(External("t", "s1"), External("q", "s1")),
        Graph,
        Nodes);

    [SkippableFact]
    public Task Backups_with_everything_else_taken_back() => JobSessions.CompareAsync(
        Disk,
        Overlay,
        """{"execute":"block-dirty-bitmap-add","arguments":{"node":"t","name":"b"}}""",
        Transaction(Backup("t", "x", "none"), Bitmap("clear", "t", "b"), Internal("t", "a"), Abort),
        Transaction(Backup("t", "x", "none"), Cover("t", "o"), Bitmap("add", "o", "c"), Abort),
        Transaction(Bitmap("disable", "t", "b"), Backup("t", "x", "full"), Backup("t", "y", "full"), Fail),
        Transaction(Backup("t", "x", "full"), Backup("o", "x", "full")),
        Transaction(Backup("t", "x", "incremental"), Internal("t", "a")),
        Transaction(Bitmap("remove", "t", "b"), Backup("t", "x", "incremental")),
        QueryJobs,
        Graph,
        Nodes);

    [SkippableFact]
    public Task A_backup_with_a_new_bitmap_and_a_snapshot() => JobSessions.CompareAsync(
        Disk,
        Overlay,
        Transaction(Backup("t", "x", "none"), Internal("t", "a")),
        Transaction(Internal("t", "a"), Bitmap("add", "t", "b"), Backup("t", "x", "none")),
        "@ running x",
        QueryJobs,
        Graph,
        Nodes,
        Transaction(Bitmap("add", "t", "c"), Internal("t", "b"), Abort),
        """{"execute":"blockdev-snapshot-delete-internal-sync","arguments":{"device":"t","name":"a"}}""",
        """{"execute":"block-dirty-bitmap-add","arguments":{"node":"t","name":"d"}}""",
        """{"execute":"job-cancel","arguments":{"id":"x"}}""",
        "@ null x 2",
        Graph,
        Nodes);

    [SkippableFact]
    public Task Grouped_backups() => JobSessions.CompareAsync(
        Disk,
        Overlay,
        Grouped(Backup("t", "x", "none"), Backup("o", "y", "none")),
        "@ running y",
        """{"execute":"job-cancel","arguments":{"id":"x"}}""",
        "@ null x",
        "@ null y",
        Grouped(Backup("t", "x", "full"), Internal("t", "a")),
        Grouped(Backup("t", "x", "full"), Abort),
        Grouped(Backup("t", "x", "full"), Bitmap("add", "t", "b")),
        Graph,
        Nodes);

    [SkippableFact]
    public Task Grouped_backups_that_wait_for_each_other() => JobSessions.CompareAsync(
        Disk,
        Overlay,
        Grouped(Backup("t", "x", "full", ",\"auto-finalize\":false"), Backup("o", "y", "none")),
        "@ waiting x",
        QueryJobs,
        """{"execute":"job-finalize","arguments":{"id":"x"}}""",
        """{"execute":"job-cancel","arguments":{"id":"y"}}""",
        "@ null x",
        Graph);

    private static string Transaction(params string[] actions) =>
        $$$"""{"execute":"transaction","arguments":{"actions":[{{{string.Join(",", actions)}}}]}}""";

    private static string Grouped(params string[] actions) =>
        $$$"""{"execute":"transaction","arguments":{"actions":[{{{string.Join(",", actions)}}}],"properties":{"completion-mode":"grouped"} } }""";

    private static string Backup(string device, string id, string sync, string more = "") =>
        $$$"""{"type":"drive-backup","data":{"device":"{{{device}}}","target":"DIR/{{{id}}}.qcow2","job-id":"{{{id}}}","sync":"{{{sync}}}"{{{more}}} } }""";

    private static string Internal(string device, string name) =>
        $$$"""{"type":"blockdev-snapshot-internal-sync","data":{"device":"{{{device}}}","name":"{{{name}}}"}}""";

    private static string External(string node, string overlay) =>
        $$$"""{"type":"blockdev-snapshot-sync","data":{"node-name":"{{{node}}}","snapshot-file":"DIR/{{{overlay}}}.qcow2","snapshot-node-name":"{{{overlay}}}"}}""";

    private static string Cover(string node, string overlay) =>
        $$$"""{"type":"blockdev-snapshot","data":{"node":"{{{node}}}","overlay":"{{{overlay}}}"}}""";

    private static string Bitmap(string verb, string node, string name) =>
        $$$"""{"type":"block-dirty-bitmap-{{{verb}}}","data":{"node":"{{{node}}}","name":"{{{name}}}"}}""";
}
