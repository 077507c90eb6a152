// SPDX-License-Identifier: MIT
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>Sessions with backup jobs, against the real daemon and this host.</summary>
public sealed class BackupSessionTests
{
    [SkippableFact]
    public Task Backups_that_do_not_start() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","file":{"driver":"file","filename":"DIR/disk.raw"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"big","size":20971520}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"same","size":10485760}}""",
        Backup("full", device: "nope", target: "nein"),
        Backup("full", device: "nope"),
        Backup("full", target: "nope"),
        Backup("full", target: "s"),
        Backup("full", target: "r"),
        Backup("full", target: "big"),
        Backup("full", ""","speed":-1"""),
        Backup("full", ""","filter-node-name":"t" """),
        Backup("full", ""","filter-node-name":"1" """),
        Backup("full", ""","compress":true""", target: "same"),
        Backup("nope"),
        Backup("full", ""","x-perf":{"max-workers":0}"""),
        Backup("full", ""","x-perf":{"max-workers":9999999999}"""),
        Backup("full", ""","x-perf":{"max-chunk":-1}"""),
        Backup("full", ""","x-perf":{"max-chunk":1}"""),
        Backup("full", ""","filter-node-name":"same","x-perf":{"max-chunk":1}"""),
        Backup("full", ""","x-perf":{"max-chunk":1,"max-workers":0}""", target: "r"),
        """{"execute":"blockdev-backup","arguments":{"device":"s","target":"t","sync":"full"}}""",
        """{"execute":"blockdev-backup","arguments":{"job-id":"j","device":"s","target":"t"}}""",
        """{"execute":"blockdev-backup","arguments":{"job-id":"1j","device":"s","target":"t","sync":"full"}}""",
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task Bitmaps_that_do_not_fit() => CompareAsync(
        AddBitmap,
        Backup("full", ""","bitmap":"b" """),
        Backup("full", ""","bitmap":"nope" """),
        Backup("full", ""","bitmap-mode":"never" """),
        Backup("full", ""","bitmap":"b","bitmap-mode":"never" """),
        Backup("top", ""","bitmap":"b","bitmap-mode":"never" """),
        Backup("none", ""","bitmap":"b","bitmap-mode":"always" """),
        Backup("none", ""","bitmap":"b" """),
        Backup("incremental"),
        Backup("incremental", ""","bitmap":"nope" """),
        Backup("incremental", ""","bitmap":"b","bitmap-mode":"always" """),
        Backup("incremental", ""","bitmap":"nope","bitmap-mode":"always" """),
        Backup("incremental", ""","bitmap-mode":"always" """),
        Backup("bitmap"),
        Backup("bitmap", ""","bitmap":"b" """),
        Backup("bitmap", ""","bitmap":"nope","bitmap-mode":"never" """),
        Backup("bitmap", ""","bitmap":"nope","bitmap-mode":"never" """, target: "s"),
        QueryJobs,
        Graph);

    [SkippableFact]
    public Task The_whole_disk() => CompareAsync(Backup("full"), Gone, QueryJobs, BlockJobs, Backup("full"), "@ null j 2", Graph);

    [SkippableFact]
    public Task Manual_ends() => CompareAsync(
        Backup("full", ""","auto-finalize":false,"auto-dismiss":false,"filter-node-name":"f" """),
        "@ pending j",
        QueryJobs,
        BlockJobs,
        Graph,
        Verb("job-complete"),
        Verb("job-pause"),
        Verb("job-finalize"),
        QueryJobs,
        Graph,
        Verb("job-finalize"),
        Verb("job-cancel"),
        Verb("job-dismiss"),
        QueryJobs);

    [SkippableFact]
    public Task A_cancel_while_pending() =>
        CompareAsync(Backup("full", ""","auto-finalize":false"""), "@ pending j", Verb("job-cancel"), Gone, QueryJobs, Graph);

    [SkippableFact]
    public Task A_cancel_while_it_runs() =>
        CompareAsync(Backup("none"), BlockJobs, Verb("block-job-cancel", "device"), Gone, QueryJobs, Graph);

    [SkippableFact]
    public Task Paused_and_cancelled() => CompareAsync(
        Backup("full", ""","speed":65536,"auto-dismiss":false"""),
        Verb("job-pause"),
        "@ paused j 2",
        Verb("job-pause"),
        Verb("block-job-cancel", "device"),
        Verb("job-cancel"),
        "@ concluded j",
        QueryJobs,
        Verb("job-dismiss"));

    [SkippableFact]
    public Task Speed_and_resume() => CompareAsync(
        Backup("full", ""","speed":65536"""),
        Verb("job-pause"),
        "@ paused j 2",
        """{"execute":"block-job-set-speed","arguments":{"device":"j","speed":0}}""",
        Verb("job-resume"),
        Gone,
        Verb("job-resume"));

    [SkippableFact]
    public Task Only_the_top_image() => CompareAsync(
        AddChain,
        Backup("top", device: "m"),
        Gone);

    [SkippableFact]
    public Task Nodes_in_use() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"same","size":10485760}}""",
        Backup("none"),
        Graph,
        Backup("full", job: "k"),
        Backup("full", device: "t", target: "s", job: "k"),
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"s"}}""",
        Backup("none", target: "same"),
        Verb("job-cancel"),
        Gone,
        """{"execute":"blockdev-del","arguments":{"node-name":"t"}}""",
        """{"execute":"blockdev-del","arguments":{"node-name":"s"}}""");

    [SkippableFact]
    public Task Two_backups_of_one_disk() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"same","size":10485760}}""",
        Backup("none"),
        Backup("none", target: "same", job: "k"),
        BlockJobs,
        Verb("job-cancel"),
        Gone,
        """{"execute":"job-cancel","arguments":{"id":"k"}}""",
        "@ null k",
        Graph);

    [SkippableFact]
    public Task A_backing_file_as_source() => CompareAsync(AddChain, Backup("full", device: "s"), Gone, QueryJobs);

    [SkippableFact]
    public Task Jobs_that_others_drain() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"x","size":10485760}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"y","size":10485760}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"z","size":10485760}}""",
        Backup("none", job: "a"),
        Backup("none", device: "x", target: "y", job: "b"),
        """{"execute":"transaction","arguments":{"actions":[{"type":"abort","data":{}}]}}""",
        Backup("none", target: "z", job: "c"),
        """{"execute":"transaction","arguments":{"actions":[{"type":"abort","data":{}}]}}""",
        Backup("none", target: "z", job: "a"));

    [SkippableFact]
    public Task A_target_that_does_not_share_writes() => CompareAsync(
        AddChain,
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"x","size":10485760}}""",
        Backup("none", device: "x", target: "t"),
        Backup("none", device: "m", target: "s", job: "k"),
        Backup("none", device: "m", target: "x", job: "k"),
        Graph);

    [SkippableFact]
    public Task Read_only_nodes() => CompareAsync(
        """{"execute":"blockdev-add","arguments":{"driver":"raw","node-name":"r","read-only":true,"file":{"driver":"file","filename":"DIR/disk.raw"}}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"x","size":1048576}}""",
        """{"execute":"blockdev-add","arguments":{"driver":"null-co","node-name":"y","size":10485760,"read-only":true}}""",
        Backup("full", device: "r", target: "x"),
        Gone,
        Backup("none", device: "r", target: "x", job: "k"),
        Graph,
        Backup("full", target: "y"),
        """{"execute":"job-cancel","arguments":{"id":"k"}}""",
        "@ null k",
        Graph);

    [SkippableFact]
    public Task Exported_nodes() => CompareAsync(
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/nbd.sock"}}}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"s","writable":true}}""",
        Backup("full", ""","auto-finalize":false"""),
        "@ pending j",
        Graph,
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"f","node-name":"t","name":"t"}}""",
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"g","node-name":"s","name":"g","writable":true}}""",
        Graph,
        Verb("job-finalize"),
        Gone,
        Graph,
        """{"execute":"nbd-server-stop"}""");

    private const string AddBitmap = """{"execute":"block-dirty-bitmap-add","arguments":{"node":"s","name":"b"}}""";

    private const string AddChain =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"m","file":{"driver":"file","filename":"DIR/middle.qcow2"},"backing":"s"}}""";

    private static Task CompareAsync(params string[] session) => JobSessions.CompareAsync(
    [
        OpenSource,
        OpenTarget,
        .. session,
    ]);

    private static string Backup(string sync, string more = "", string device = "s", string target = "t", string job = "j") =>
        $$$"""{"execute":"blockdev-backup","arguments":{"job-id":"{{{job}}}","device":"{{{device}}}","target":"{{{target}}}","sync":"{{{sync}}}"{{{more}}} } }""";
}
