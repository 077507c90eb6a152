// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>
/// A daemon that dies under a writer, with x-blockhost-bitmap-checkpoint: the next backup is an incremental one, and what it
/// makes of the last one is the disk. BLOCKHOST_BITMAP_CRASHES is how often it dies; without it, once.
/// </summary>
public sealed class BitmapCrashTests : IDisposable
{
    private const int DiskMiB = 64;
    private const string Backup =
        "\"execute\": \"blockdev-backup\", \"arguments\": {\"job-id\": \"j\", \"device\": \"disk\", \"target\": \"target\", \"sync\": \"incremental\", \"bitmap\": \"day\"";

    private readonly Folder _folder = new();

    [SkippableFact]
    public async Task After_a_kill_an_incremental_backup_is_the_disk()
    {
        Programs.Require("qemu-img", "qemu-io");
        Run("qemu-img", "create", "-q", "-f", "qcow2", "disk.qcow2", $"{DiskMiB}M");
        Run("qemu-img", "create", "-q", "-f", "qcow2", "target.qcow2", $"{DiskMiB}M");
        Run("qemu-img", "bitmap", "--add", "disk.qcow2", "day");
        var crashes = SearchSize.Of("BLOCKHOST_BITMAP_CRASHES", 1);
        for (var round = 0; round < crashes; round++)
        {
            await CrashAsync(round);
            await BackUpAgainAsync();
        }
    }

    public void Dispose() => _folder.Dispose();

    private string Disk => $"nbd+unix:///disk?socket={_folder["nbd.sock"]}";

    private async Task CrashAsync(int round)
    {
        await using var daemon = await ServeAsync();
        Run("qemu-io", "-f", "raw", "-c", $"write -q -P {(round % 255) + 1} {DiskMiB - 1}M 4k", "-c", "flush", Disk);
        using var guest = StartWriter(new Random(round));
        await Task.Delay(150 + (round % 8 * 50));
        await daemon.KillAsync();
        guest.Kill();
        await guest.WaitForExitAsync();
        var check = CommandRunner.RunIn(_folder.Path, "qemu-img", "check", "disk.qcow2");
        Assert.True(check.ExitCode is 0 or 3, $"Only leaks are allowed: {check}");
        Assert.Equal(
            1, CommandRunner.RunIn(_folder.Path, "qemu-img", "compare", "-q", "disk.qcow2", "target.qcow2").ExitCode);
    }

    private async Task BackUpAgainAsync()
    {
        await using (var daemon = await ServeAsync())
        {
            using var qmp = await QmpClient.ConnectAsync(_folder["qmp.sock"]);
            await BackUpAsync(qmp);
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        Run("qemu-img", "compare", "-q", "disk.qcow2", "target.qcow2");
    }

    private Process StartWriter(Random random)
    {
        var commands = Enumerable.Range(0, 4000).SelectMany(
            i =>
            {
                var where = $"{random.Next((DiskMiB - 1) * 256) * 4}k 4k";
                string[] kinds = [$"write -q -P {random.Next(1, 256)} {where}", $"write -q -z {where}", $"discard -q {where}", "flush"];
                return new[] { "-c", kinds[Math.Max(0, random.Next(20) - 16)] };
            });
        return CommandRunner.Start(_folder.Path, "qemu-io", ["-f", "raw", .. commands, Disk]);
    }

    private async Task BackUpAsync(QmpClient qmp)
    {
        await qmp.RunAsync(
            """{"execute": "blockdev-add", "arguments": {"driver": "qcow2", "node-name": "target", "file": {"driver": "file", "filename": "target.qcow2"}}}""");
        await qmp.RunAsync($"{{{Backup}, \"auto-dismiss\": false}}}}");
        while (State(await qmp.SendAsync("""{"execute": "query-jobs"}""")) is { } job)
        {
            if (job.GetProperty("status").GetString() == "concluded")
            {
                Assert.False(job.TryGetProperty("error", out var error), error.ToString());
                break;
            }

            await Task.Delay(20);
        }

        await qmp.RunAsync("""{"execute": "job-dismiss", "arguments": {"id": "j"}}""");
        await qmp.RunAsync("""{"execute": "blockdev-del", "arguments": {"node-name": "target"}}""");
    }

    private static JsonElement? State(JsonElement answer) =>
        answer.GetProperty("return").EnumerateArray().Select(job => (JsonElement?)job).FirstOrDefault();

    private Task<ServerProcess> ServeAsync()
    {
        File.Delete(_folder["qmp.sock"]);
        File.Delete(_folder["nbd.sock"]);
        return ServerProcess.StartAsync(
            _folder["qmp.sock"],
            _folder.Path,
            Programs.Native,
            "serve",
            "--blockdev", "driver=qcow2,node-name=disk,x-blockhost-bitmap-checkpoint=on,discard=unmap,file.driver=file,file.filename=disk.qcow2",
            "--nbd-server", $"addr.type=unix,addr.path={_folder["nbd.sock"]}",
            "--export", "type=nbd,id=e,node-name=disk,name=disk,writable=on",
            "--chardev", $"socket,id=qmp,path={_folder["qmp.sock"]},server=on,wait=off",
            "--monitor", "chardev=qmp");
    }

    private void Run(string program, params string[] args) => CommandRunner.Check(_folder.Path, program, args);
}
