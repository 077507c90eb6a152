// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Oracle.Tests.Support;
using static BlockHost.Oracle.Tests.Support.SessionLines;

namespace BlockHost.Oracle.Tests;

/// <summary>
/// Sessions with drive-mirror, which makes or opens its target by file name, against the real daemon and this host.
/// </summary>
public sealed class DriveMirrorSessionTests
{
    private const string Source =
        """{"execute":"blockdev-add","arguments":{"driver":"qcow2","node-name":"s","file":{"driver":"file","filename":"DIR/top.qcow2"}}}""";

    private const string Exports = """{"execute":"query-block-exports"}""";
    private const string Server =
        """{"execute":"nbd-server-start","arguments":{"addr":{"type":"unix","data":{"path":"DIR/n.sock"} } } }""";
    private const string Export =
        """{"execute":"block-export-add","arguments":{"type":"nbd","id":"e","node-name":"s","writable":true,"name":"e"}}""";
    private const string ServerMirror =
        """{"execute":"drive-mirror","arguments":{"job-id":"j","device":"s","target":"nbd+unix:///?socket=DIR/server.sock","sync":"full","format":"qcow2"}}""";

    [SkippableTheory]
    [InlineData("full")]
    [InlineData("top")]
    [InlineData("none")]
    public Task To_a_new_image(string sync) => CompareAsync(
        Server,
        Export,
        Mirror("new.qcow2", sync, ""","format":"qcow2","node-name":"new" """),
        Ready,
        Graph,
        Nodes,
        Write("9 4M"),
        Complete,
        Gone,
        Graph,
        Nodes,
        Exports,
        Read("9 4M"),
        Read("2 2M"),
        """{"execute":"blockdev-del","arguments":{"node-name":"s"}}""");

    [SkippableTheory]
    [InlineData("full", "other.qcow2")]
    [InlineData("top", "other.qcow2")]
    [InlineData("none", "other.qcow2")]
    [InlineData("full", "second.qcow2")]
    [InlineData("top", "second.qcow2")]
    public Task To_an_image_that_exists(string sync, string target) => CompareAsync(
        Server,
        Export,
        Create("""{"driver":"file","filename":"DIR/second.qcow2","size":0}"""),
        "@ concluded c",
        """{"execute":"job-dismiss","arguments":{"id":"c"}}""",
        Create(
            """{"driver":"qcow2","file":{"driver":"file","filename":"DIR/second.qcow2"},"size":10485760,"backing-file":"middle.qcow2","backing-fmt":"qcow2"}"""),
        "@ concluded c 2",
        """{"execute":"job-dismiss","arguments":{"id":"c"}}""",
        Mirror(target, sync, ""","mode":"existing","format":"qcow2" """),
        Ready,
        Graph,
        Write("9 4M"),
        Complete,
        Gone,
        Graph,
        Nodes,
        Exports,
        Read("9 4M"));

    [SkippableFact]
    public Task To_a_new_image_in_a_servers_disk() =>
        CompareBesideServerAsync(16 << 20, ServerMirror, Ready, Nodes, Complete, Gone, Graph);

    [SkippableFact]
    public Task A_servers_disk_that_is_too_small() =>
        CompareBesideServerAsync(1 << 16, ServerMirror.Replace("\"qcow2\"", "\"raw\""), Nodes);

    [SkippableFact]
    public Task Formats_that_are_guessed_or_taken_from_the_source() => CompareAsync(
        Mirror("new.img", "full"),
        Ready,
        Nodes,
        Cancel,
        Gone,
        Mirror("new.img", "full", ""","mode":"existing" """),
        "@ BLOCK_JOB_READY j 2",
        Nodes,
        Cancel,
        "@ null j 2",
        Mirror("new.raw", "full", ""","format":"raw" """),
        "@ BLOCK_JOB_READY j 3",
        Nodes,
        Cancel,
        "@ null j 3");

    [SkippableFact]
    public Task Without_users_the_copy_closes_with_the_job() => CompareAsync(
        Mirror("new.qcow2", "top", ""","node-name":"new" """), Ready, Complete, Gone, Graph, QueryJobs);

    [SkippableFact]
    public Task A_soft_cancel() => CompareAsync(
        Server, Export, Mirror("new.qcow2", "top"), Ready, SoftCancel, Gone, Graph, Exports);

    [SkippableFact]
    public Task Write_blocking_and_manual_ends() => CompareAsync(
        Server,
        Export,
        Mirror(
            "new.qcow2",
            "full",
            ""","copy-mode":"write-blocking","unmap":false,"granularity":4096,"auto-finalize":false,"auto-dismiss":false"""),
        Ready,
        Write("9 4M"),
        Complete,
        "@ pending j",
        Graph,
        """{"execute":"job-finalize","arguments":{"id":"j"}}""",
        "@ concluded j",
        Graph,
        QueryJobs,
        """{"execute":"job-dismiss","arguments":{"id":"j"}}""",
        Read("9 4M"));

    [SkippableFact]
    public Task What_is_refused_before_a_file_is_made() => CompareAsync(
        Mirror("new.qcow2", "full", device: "nope"),
        Mirror("nope.qcow2", "full", ""","mode":"existing" """),
        Mirror("new.qcow2", "full", ""","format":"nope" """),
        Mirror("no/dir", "full"),
        Mirror("new.qcow2", "full", ""","replaces":"nope" """),
        Mirror("new.qcow2", "full", ""","replaces":"nope","node-name":"new" """),
        Mirror("new.qcow2", "full", ""","node-name":"s" """),
        Mirror("new.qcow2", "top", ""","format":"raw" """),
        """{"execute":"drive-mirror","arguments":{"job-id":"j","device":"s","sync":"full"}}""",
        Nodes);

    [SkippableTheory]
    [InlineData("incremental", "")]
    [InlineData("bitmap", "")]
    [InlineData("full", ""","granularity":513""")]
    [InlineData("full", ""","granularity":256""")]
    [InlineData("full", ""","buf-size":-1""")]
    [InlineData("full", ""","speed":-1""")]
    public Task What_is_refused_when_the_target_is_there(string sync, string more) => CompareAsync(
        Mirror("new.qcow2", sync, more),
        Mirror("new.qcow2", "full", ""","mode":"existing" """).Replace("\"j\"", "\"k\""),
        "@ BLOCK_JOB_READY k",
        Nodes,
        """{"execute":"job-cancel","arguments":{"id":"k"}}""",
        "@ null k");

    [SkippableFact]
    public Task Bad_names_of_jobs() => CompareAsync(
        """{"execute":"drive-mirror","arguments":{"job-id":"1j","device":"s","target":"DIR/new.qcow2","sync":"full"}}""",
        """{"execute":"drive-mirror","arguments":{"device":"s","target":"DIR/new.qcow2","sync":"full"}}""",
        Nodes);

    [SkippableFact]
    public Task Targets_that_do_not_fit() => CompareAsync(
        Mirror("disk.raw", "full", ""","mode":"existing","format":"raw" """),
        Gone,
        Mirror("top.qcow2", "full", ""","mode":"existing","format":"qcow2" """),
        Mirror("top.qcow2", "full"),
        Mirror("middle.qcow2", "full", ""","mode":"existing","format":"qcow2" """),
        Nodes);

    [SkippableFact]
    public Task Only_one_at_a_time() => CompareAsync(
        Mirror("new.qcow2", "full"),
        Ready,
        Mirror("second.qcow2", "full").Replace("\"j\"", "\"k\""),
        Cancel,
        Gone);

    /// <summary>Both sides find an empty disk of <paramref name="size"/> bytes at a server.</summary>
    private static async Task CompareBesideServerAsync(long size, params string[] session)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-nbd"), "needs qemu-nbd");
        Process? server = null;
        try
        {
            await JobSessions.CompareAsync(Restart, [Source, .. session]);
        }
        finally
        {
            server?.Kill();
        }

        async Task Restart(string folder)
        {
            server?.Kill();
            var (disk, socket) = (Path.Combine(folder, "server.raw"), Path.Combine(folder, "server.sock"));
            File.Delete(socket);
            File.WriteAllBytes(disk, new byte[size]);
            server = Process.Start("qemu-nbd", ["-t", "-f", "raw", "-k", socket, disk]);
            while (!Readiness.IsReady(socket))
                await Task.Delay(10);
        }
    }

    private static Task CompareAsync(params string[] session) => JobSessions.CompareAsync([Source, .. session]);

    private static string Mirror(string target, string sync, string more = "", string device = "s") =>
        $$$"""{"execute":"drive-mirror","arguments":{"job-id":"j","device":"{{{device}}}","target":"DIR/{{{target}}}","sync":"{{{sync}}}"{{{more}}} } }""";

    private static string Create(string options) =>
        $$$"""{"execute":"blockdev-create","arguments":{"job-id":"c","options":{{{options}}} } }""";

    private static string Write(string patternAndOffset) => $"$ DIR/n.sock e write -q -P {patternAndOffset} 64k";

    private static string Read(string patternAndOffset) => $"$ DIR/n.sock e read -q -P {patternAndOffset} 64k";
}
