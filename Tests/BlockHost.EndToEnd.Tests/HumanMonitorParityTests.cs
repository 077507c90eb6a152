// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>human-monitor-command, line by line beside the installed qemu-system-x86_64 with no machine in it.</summary>
public sealed class HumanMonitorParityTests : IDisposable
{
    private static readonly string[] Lines =
    [
        "", "nosuch", "info nosuch", "stop 3", "stop", "info status", "cont", "c", "info   status ", "s", "info status", "system_reset",
        "info chardev x", "info block", "info block nosuch", "info block disk", "info block -v disk", "info block -x",
        "block_job_pause j", "block_job_pause j", "block_job_set_speed j", "block_job_set_speed j zz", "block_job_set_speed j 1M",
        "info block-jobs", "block_job_resume j", "block_job_complete nosuch", "block_job_cancel", "block_job_cancel -x j",
        "block_job_cancel nosuch", "block_job_cancel \"unterminated", "block_job_cancel -f j",
        "block_resize", "block_resize disk", "block_resize nosuch 1M",
        "drive_backup disk", "drive_backup a b raw c", "drive_backup a b", "drive_mirror a", "drive_mirror nosuch /tmp/x",
        "nbd_server_start", "nbd_server_start -w 127.0.0.1:0", "nbd_server_start nosuch", "nbd_server_start 127.0.0.1:0",
        "nbd_server_start 127.0.0.1:0", "nbd_server_stop", "nbd_server_stop", "nbd_server_remove",
        "chardev-remove", "chardev-remove zz", "chardev-send-break zz", "ringbuf_read ring", "ringbuf_read ring x",
        "ringbuf_write nosuch b", "ringbuf_write ring \"two words\"", "ringbuf_read ring 100", "chardev-remove ring", "info chardev",
        "object_del", "object_del s",
        "commit", "commit nosuch", "commit all", "commit disk x", "qemu-io", "qemu-io disk", "qemu-io disk x y",
        "qemu-io nosuch \"read 0 512\"", "qemu-io -d disk \"read 0 512\"",
        "chardev-add", "chardev-add x", "chardev-add null", "chardev-add null,id=n", "chardev-add null,id=n", "chardev-add nosuch,id=m",
        "chardev-add null,id=n2,foo=bar", "chardev-add file,id=f", "chardev-add id=z", "chardev-add ringbuf,id=r,size=17",
        "chardev-add socket,id=s", "chardev-change", "chardev-change n", "chardev-change n ringbuf", "chardev-change nosuch null",
        "chardev-change qmp null", "chardev-remove n", "object_add", "object_add secret", "object_add secret,id=s,data=a",
        "object_add secret,id=s,data=a", "object_add nosuch,id=a", "object_add secret,id=s2", "object_del s",
        "object_add {\"qom-type\":\"secret\",\"id\":\"s4\",\"data\":\"c\"}", "info blockstats", "getfd", "getfd a", "closefd a",
        "nbd_server_start 127.0.0.1:nosuch", "nbd_server_start 127.0.0.1:", "nbd_server_start :", "nbd_server_start [::1",
        "snapshot_blkdev", "snapshot_blkdev disk", "snapshot_blkdev nosuch x", "snapshot_blkdev_internal disk",
        "block_stream nosuch", "help commit", "help qemu-io", "help chardev-add", "help chardev-change", "help object_add",
        "help getfd", "help closefd", "help block_stream", "help snapshot_blkdev", "help snapshot_blkdev_internal",
        "help snapshot_delete_blkdev_internal", "help info blockstats", "help info snapshots",
        "help stop", "help nosuch", "help quit", "help cont", "help system_reset", "help block_resize", "help block_job_cancel",
        "help block_job_set_speed", "help drive_backup", "help drive_mirror", "help nbd_server_start", "help nbd_server_add", "help nbd_server_remove",
        "help nbd_server_stop", "help chardev-remove", "help chardev-send-break", "help ringbuf_read", "help ringbuf_write",
        "help object_del", "help info status", "help help",
    ];

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static readonly string[] Disk =
    [
        """{"execute": "blockdev-add", "arguments": {"driver": "qcow2", "node-name": "disk", "file": {"driver": "file", "filename": "../disk.qcow2"}}}""",
    ];

    private static readonly string[] DiskAndJob =
    [
        .. Disk,
        """{"execute": "blockdev-add", "arguments": {"driver": "null-co", "node-name": "target", "size": 67108864, "read-only": false}}""",
        """{"execute": "chardev-add", "arguments": {"id": "ring", "backend": {"type": "ringbuf", "data": {}}}}""",
        """{"execute": "blockdev-backup", "arguments": {"job-id": "j", "device": "disk", "target": "target", "sync": "full", "speed": 1}}""",
    ];

    [SkippableFact]
    public Task Each_line_is_answered_as_QEMUs() => CompareAsync(DiskAndJob, Lines);

    [SkippableFact]
    public Task A_job_that_has_the_disk_leaves_nothing_for_a_machine() => CompareAsync(DiskAndJob, ["info snapshots"]);

    [SkippableFact]
    public Task Snapshots_are_shown_as_QEMUs() => CompareAsync(Disk, ["info snapshots", "info block -v disk", "info block-jobs"]);

    private async Task CompareAsync(string[] before, string[] lines)
    {
        Programs.RequireQemu72();
        Programs.Require("qemu-system-x86_64");
        CommandRunner.Check(_folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "base.qcow2", "64M");
        CommandRunner.Check(
            _folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "disk.qcow2");
        CommandRunner.Check(_folder.Path, "qemu-img", "snapshot", "-c", "old", "disk.qcow2");

        var theirs = await TalkAsync(
            before,
            lines,
            "theirs",
            "qemu-system-x86_64",
            [
                "-machine", "none", "-nodefaults", "-display", "none", "-S",
                "-chardev", "socket,id=qmp,path=q,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
            ]);
        var ours = await TalkAsync(
            before,
            lines,
            "ours",
            Programs.Native,
            ["serve", "-S", "--chardev", "socket,id=qmp,path=q,server=on,wait=off", "--monitor", "chardev=qmp"]);

        for (var i = 0; i < lines.Length; i++)
            Assert.Equal($"{lines[i]}: {theirs[i]}", $"{lines[i]}: {ours[i]}");
    }

    private async Task<List<string>> TalkAsync(
        string[] before, string[] lines, string name, string program, string[] arguments)
    {
        var folder = Directory.CreateDirectory(_folder[name]).FullName;
        await using var daemon = await ServerProcess.StartAsync(Path.Combine(folder, "q"), folder, program, arguments);
        using var qmp = await QmpClient.ConnectAsync(Path.Combine(folder, "q"));
        foreach (var command in before)
            await qmp.RunAsync(command);
        while ((await qmp.RunAsync("""{"execute": "query-block-jobs"}""")).EnumerateArray().Any(
            job => job.GetProperty("offset").GetInt64() == 0))
            await Task.Delay(10);
        var answers = new List<string>();
        foreach (var line in lines)
        {
            var command = JsonSerializer.Serialize(line);
            var answer = await qmp.RunAsync(
                $$"""{"execute": "human-monitor-command", "arguments": {"command-line": {{command}} } }""");
            answers.Add(answer.GetString()!);
        }

        return answers;
    }
}
