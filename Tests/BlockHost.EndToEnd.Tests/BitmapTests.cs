// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Dirty bitmaps over the life of daemons: kept by one that ends, and never trusted after one that dies.</summary>
public sealed class BitmapTests
{
    [SkippableFact]
    public async Task A_bitmap_outlives_its_daemon_and_shows_clients_what_has_changed()
    {
        Programs.Require("qemu-img", "qemu-io", "nbdinfo");
        using var folder = new Folder();
        CommandRunner.Check(folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "disk.qcow2", "64M");
        await using (var daemon = await ServeAsync(folder))
        {
            using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);
            await qmp.RunAsync(
                """{"execute": "block-dirty-bitmap-add", "arguments": {"node": "disk", "name": "day", "persistent": true}}""");
            Write(folder, "write 1M 128k");
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        Assert.Contains("[0]: auto", Info(folder), StringComparison.Ordinal);
        Assert.DoesNotContain("in-use", Info(folder), StringComparison.Ordinal);
        await using (var daemon = await ServeAsync(folder))
        {
            using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);
            Write(folder, "write 5M 1");
            await qmp.RunAsync(
                """{"execute": "block-export-add", "arguments": {"type": "nbd", "id": "b", "node-name": "disk", "name": "backup", "writable": true, "bitmaps": ["day"]}}""");
            var map = CommandRunner.Check(
                folder.Path, "nbdinfo", "--map=qemu:dirty-bitmap:day", $"nbd+unix:///backup?socket={folder["nbd.sock"]}");
            Assert.Equal(["1048576:131072", "5242880:65536"], Dirty(map));
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        CommandRunner.Check(folder.Path, "qemu-img", "check", "disk.qcow2");
        Assert.DoesNotContain("in-use", Info(folder), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_daemon_that_is_killed_leaves_its_bitmaps_in_use()
    {
        Programs.Require("qemu-img", "qemu-io");
        using var folder = new Folder();
        CommandRunner.Check(folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "disk.qcow2", "64M");
        CommandRunner.Check(folder.Path, "qemu-img", "bitmap", "--add", "disk.qcow2", "day");
        await using (var daemon = await ServeAsync(folder))
        {
            Write(folder, "write 1M 128k");
            await daemon.KillAsync();
        }

        Assert.Contains("in-use", Info(folder), StringComparison.Ordinal);
        await using (var daemon = await ServeAsync(folder))
        {
            using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);
            var refusal = await qmp.SendAsync(
                """{"execute": "block-dirty-bitmap-clear", "arguments": {"node": "disk", "name": "day"}}""");
            Assert.Equal(
                "Bitmap 'day' is inconsistent and cannot be used", refusal.GetProperty("error").GetProperty("desc").GetString());
            await qmp.RunAsync("""{"execute": "block-dirty-bitmap-remove", "arguments": {"node": "disk", "name": "day"}}""");
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        Assert.DoesNotContain("day", Info(folder), StringComparison.Ordinal);
        var check = CommandRunner.RunIn(folder.Path, "qemu-img", "check", "disk.qcow2");
        Assert.True(check.ExitCode is 0 or 3, $"Only leaks are allowed: {check}");
    }

    private static Task<ServerProcess> ServeAsync(Folder folder)
    {
        // A daemon that was killed leaves its sockets.
        File.Delete(folder["qmp.sock"]);
        File.Delete(folder["nbd.sock"]);
        return ServerProcess.StartAsync(
            folder["qmp.sock"],
            folder.Path,
            Programs.Native,
            "serve",
            "--blockdev", "driver=qcow2,node-name=disk,file.driver=file,file.filename=disk.qcow2",
            "--nbd-server", $"addr.type=unix,addr.path={folder["nbd.sock"]}",
            "--export", "type=nbd,id=e,node-name=disk,name=disk,writable=on",
            "--chardev", $"socket,id=qmp,path={folder["qmp.sock"]},server=on,wait=off",
            "--monitor", "chardev=qmp");
    }

    private static void Write(Folder folder, string command) =>
        CommandRunner.Check(folder.Path, "qemu-io", "-f", "raw", "-c", command, $"nbd+unix:///disk?socket={folder["nbd.sock"]}");

    private static string Info(Folder folder) => CommandRunner.Check(folder.Path, "qemu-img", "info", "disk.qcow2");

    /// <summary>Offset and length of the dirty lines that nbdinfo prints.</summary>
    private static IEnumerable<string> Dirty(string map) => map
        .Split('\n')
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Where(words => words is [_, _, "1", ..])
        .Select(words => $"{words[0]}:{words[1]}");
}
