// SPDX-License-Identifier: MIT
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>The real daemon with real clients.</summary>
public sealed class DaemonTests
{
    [SkippableFact]
    public async Task Without_options_it_serves_a_disk_of_its_own_that_stays()
    {
        Programs.Require("qemu-img", "qemu-io");
        using var folder = new Folder();
        var url = $"nbd+unix:///disk?socket={folder["state/nbd.sock"]}";
        for (var start = 0; start < 2; start++)
        {
            await using var daemon = await ServerProcess.StartAsync(
                folder["state/nbd.sock"], folder.Path, Programs.Blockhost, "serve", "--state", folder["state"]);
            var command = start == 0 ? "write -P 7 1M 1M" : "read -P 7 1M 1M";
            CommandRunner.Check(folder.Path, "qemu-io", "-f", "raw", "-c", command, url);
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        Assert.False(File.Exists(folder["state/nbd.sock"]));
        CommandRunner.Check(folder.Path, "qemu-img", "check", folder["state/disk.qcow2"]);
    }

    [SkippableFact]
    public async Task A_chain_is_served_written_and_snapshotted_and_is_whole_for_qemu_afterwards()
    {
        Programs.Require("qemu-img", "qemu-io");
        using var folder = new Folder();
        MakeChain(folder);
        await using (var daemon = await ServeAsync(folder, "top.qcow2"))
        {
            using var qmp = await QmpClient.ConnectAsync(folder["qmp.sock"]);
            CommandRunner.Check(folder.Path, "qemu-io", "-f", "raw", "-c", "write -P 4 3M 1M", Url(folder));
            await qmp.RunAsync(
                $$$"""{"execute": "blockdev-snapshot-sync", "arguments": {"node-name": "disk", "snapshot-file": "{{{folder["snap.qcow2"]}}}", "snapshot-node-name": "snap", "format": "qcow2"}}""");
            CommandRunner.Check(
                folder.Path, "qemu-io", "-f", "raw", "-c", "write -P 5 4M 1M", "-c", "read -P 1 0 1M", Url(folder));
            Assert.Equal(0, await daemon.TerminateAsync());
        }

        foreach (var image in new[] { "base.qcow2", "middle.qcow2", "top.qcow2", "snap.qcow2" })
            CommandRunner.Check(folder.Path, "qemu-img", "check", image);
        var reads = new[] {
            "read -P 1 0 1M", "read -P 2 1M 1M", "read -P 3 2M 1M", "read -P 4 3M 1M", "read -P 5 4M 1M", "read -P 0 5M 1M" };
        CommandRunner.Check(
            folder.Path, "qemu-io", [.. reads.SelectMany(read => new[] { "-c", read }), "-f", "qcow2", "snap.qcow2"]);
        CommandRunner.Check(folder.Path, "qemu-io", "-c", "read -P 0 4M 1M", "-f", "qcow2", "top.qcow2");
    }

    [SkippableFact]
    public async Task What_was_flushed_survives_a_kill_in_the_middle_of_writes()
    {
        Programs.Require("qemu-img", "qemu-io");
        using var folder = new Folder();
        MakeChain(folder);
        await using (var daemon = await ServeAsync(folder, "top.qcow2"))
        {
            CommandRunner.Check(folder.Path, "qemu-io", "-f", "raw", "-c", "write -P 9 6M 4M", "-c", "flush", Url(folder));
            var args = Enumerable.Range(0, 200).SelectMany(i => new[] { "-c", $"write -q -P 8 {11 + (i % 20)}M 256k" });
            using var writer = CommandRunner.Start(folder.Path, "qemu-io", ["-f", "raw", .. args, Url(folder)]);
            await Task.Delay(100);
            await daemon.KillAsync();
            await writer.WaitForExitAsync();
        }

        var check = CommandRunner.RunIn(folder.Path, "qemu-img", "check", "top.qcow2");
        Assert.True(check.ExitCode is 0 or 3, $"Only leaks are allowed: {check}");
        CommandRunner.Check(folder.Path, "qemu-io", "-c", "read -P 9 6M 4M", "-c", "read -P 3 2M 1M", "-f", "qcow2", "top.qcow2");
    }

    [SkippableFact]
    public async Task Nbd_clients_work_against_it()
    {
        Programs.Require("nbdinfo", "nbdcopy", "qemu-img");
        using var folder = new Folder();
        MakeChain(folder);
        await using var daemon = await ServeAsync(folder, "top.qcow2");

        Assert.Contains("base:allocation", CommandRunner.Check(folder.Path, "nbdinfo", Url(folder)), StringComparison.Ordinal);
        CommandRunner.Check(folder.Path, "nbdcopy", Url(folder), folder["copy.raw"]);
        Assert.Equal(0, await daemon.TerminateAsync());

        CommandRunner.Check(folder.Path, "qemu-img", "compare", "-f", "qcow2", "-F", "raw", "top.qcow2", "copy.raw");
    }

    [Fact]
    public void Removing_a_manifest_removes_just_what_its_plugin_provides()
    {
        using var folder = new Folder();
        var program = CopyProgram(folder);
        File.Delete(folder["plugin-manifests/block.null.json"]);

        var without = CommandRunner.RunIn(folder.Path, program, "serve", "--blockdev", "driver=null-co,node-name=a");
        var listed = CommandRunner.Check(folder.Path, program, "plugin", "list");
        var all = CommandRunner.Check(folder.Path, Programs.Blockhost, "plugin", "list");

        Assert.Equal(1, without.ExitCode);
        Assert.Contains("Parameter 'driver' does not accept value 'null-co'", without.Error, StringComparison.Ordinal);
        var gone = Lines(all).Except(Lines(listed)).ToList();
        Assert.Contains("block.null", Assert.Single(gone), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_tool_takes_more_plugins_and_keeps_its_own()
    {
        using var folder = new Folder();
        CopyProgram(folder);
        Directory.CreateDirectory(folder["manifests"]);
        Directory.CreateDirectory(folder["plugins-of-mine"]);
        File.Copy(folder["plugin-manifests/block.null.json"], folder["manifests/block.null.json"]);
        string[] more = ["--plugin-path", folder["plugins-of-mine"], "--manifests", folder["manifests"]];

        Assert.Equal(
            CommandRunner.Check(folder.Path, Programs.Blockhost, "plugin", "list"),
            CommandRunner.Check(folder.Path, Programs.Blockhost, ["plugin", "list", .. more]));
        CommandRunner.Check(folder.Path, Programs.Blockhost, ["img", "create", "-q", "-f", "qcow2", "disk.qcow2", "1M", .. more]);
        CommandRunner.Check(folder.Path, Programs.Blockhost, ["io", .. more, "-c", "read 0 1M", "disk.qcow2"]);
        CommandRunner.Check(
            folder.Path, "env", $"BLOCKHOST_MANIFESTS={folder["manifests"]}", Programs.Ours("qemu-img"), "check", "disk.qcow2");
        foreach (var line in new[] { "img info disk.qcow2", "io -c quit disk.qcow2", "nbd disk.qcow2", "serve" })
        {
            var result = CommandRunner.RunIn(
                folder.Path, Programs.Blockhost, [.. line.Split(' '), "--manifests", folder["none"]]);
            Assert.Equal(
                (1, $"blockhost {line.Split(' ')[0]}: There is no folder of manifests '{folder["none"]}' (--manifests, or BLOCKHOST_MANIFESTS)\n"), (result.ExitCode, result.Error));
        }
    }

    [SkippableFact]
    public void Plugins_of_the_programs_owner_are_taken_and_those_of_anybody_else_are_not()
    {
        Skip.IfNot(Environment.UserName == "root", "only root can give files away");
        using var folder = new Folder();
        var program = CopyProgram(folder);
        Directory.CreateDirectory(folder["plugins-of-mine"]);
        CommandRunner.Check(folder.Path, "chown", "-R", "4711", ".");
        CommandRunner.Check(folder.Path, program, "plugin", "list", "--plugin-path", folder["plugins-of-mine"]);

        CommandRunner.Check(folder.Path, "chown", "4712", "plugins-of-mine");
        var refused = CommandRunner.RunIn(folder.Path, program, "plugin", "list", "--plugin-path", folder["plugins-of-mine"]);

        var mine = folder["plugins-of-mine"];
        Assert.Equal(
            (1, $"blockhost plugin: No plugins are taken from {mine}: the folder {mine} belongs to another user (number 4712)\n"),
            (refused.ExitCode, refused.Error));
    }

    [Theory]
    [InlineData("--blockdev driver=foo", "--blockdev driver=foo: Parameter 'driver' does not accept value 'foo'")]
    [InlineData(
        "--blockdev driver=null-co,node-name=a,foo=1",
        "--blockdev driver=null-co,node-name=a,foo=1: Parameter 'foo' is unexpected")]
    [InlineData("--monitor foo", "--monitor foo: chardev \"foo\" not found")]
    [InlineData("--zzz", "unrecognized option '--zzz'")]
    [InlineData("foo", "foo: Unexpected argument")]
    [InlineData("--pidfile /nowhere/x", "cannot create PID file: Could not create '/nowhere/x': No such file or directory")]
    [InlineData("--nbd-server addr.type=unix", "--nbd-server addr.type=unix: Parameter 'addr.path' is missing")]
    public void A_mistake_is_told_in_the_words_of_qemu_storage_daemon(string options, string message)
    {
        var result = CommandRunner.Run(Programs.Ours("qemu-storage-daemon"), options.Split(' '));

        Assert.Equal(new CommandResult(1, "", $"qemu-storage-daemon: {message}\n"), result);
    }

    [SkippableFact]
    public void In_the_background_it_is_ready_when_the_parent_ends()
    {
        Programs.Require("qemu-io");
        using var folder = new Folder();
        string[] args =
        [
            "--daemonize", "--pidfile", folder["pid"], "--blockdev", "driver=null-co,node-name=disk,size=1M,read-zeroes=on",
            "--nbd-server", $"addr.type=unix,addr.path={folder["nbd.sock"]}", "--export", "type=nbd,id=e,node-name=disk,name=disk",
        ];
        using var parent = CommandRunner.Start(folder.Path, Programs.Ours("qemu-storage-daemon"), args);
        Assert.True(parent.WaitForExit(TimeSpan.FromSeconds(60)));
        Assert.Equal(0, parent.ExitCode);
        try
        {
            // Whoever reads what the parent prints is not kept waiting by the child.
            Assert.True(parent.StandardOutput.ReadToEndAsync().Wait(TimeSpan.FromSeconds(60)));
            Assert.Equal("/", new DirectoryInfo($"/proc/{CommandRunner.Run("cat", folder["pid"]).Output.Trim()}/cwd").LinkTarget);
            CommandRunner.Check(folder.Path, "qemu-io", "-r", "-f", "raw", "-c", "read -P 0 0 1M", Url(folder));
        }
        finally
        {
            CommandRunner.Run("kill", CommandRunner.Run("cat", folder["pid"]).Output.Trim());
        }
    }

    [Fact]
    public async Task The_pid_file_is_there_when_all_is_open()
    {
        using var folder = new Folder();
        string[] args = ["--pidfile", "pid", "--chardev", "socket,id=c,path=wait.sock,server=on", "--monitor", "chardev=c"];
        using var daemon = CommandRunner.Start(folder.Path, Programs.Ours("qemu-storage-daemon"), args);
        try
        {
            Assert.Contains("waiting for connection", await daemon.StandardError.ReadLineAsync());
            Assert.False(File.Exists(folder["pid"]));
            using var client = await QmpClient.ConnectAsync(folder["wait.sock"]);

            await client.RunAsync("""{"execute": "query-version"}""");

            Assert.Equal($"{daemon.Id}\n", CommandRunner.Run("cat", folder["pid"]).Output);
        }
        finally
        {
            daemon.Kill();
        }
    }

    [SkippableFact]
    public async Task One_image_is_served_until_its_client_has_gone()
    {
        Programs.Require("qemu-img", "qemu-io");
        using var folder = new Folder();
        MakeChain(folder);
        await using var server = await ServerProcess.StartAsync(
            folder["nbd.sock"], folder.Path, Programs.Ours("qemu-nbd"), "-k", folder["nbd.sock"], "-x", "disk", "top.qcow2");

        CommandRunner.Check(folder.Path, "qemu-io", "-f", "raw", "-c", "read -P 2 1M 1M", Url(folder));

        Assert.Equal(0, await server.ExitCodeAsync());
    }

    /// <summary>The program with folders of manifests and plugins of its own above it.</summary>
    private static string CopyProgram(Folder folder)
    {
        var artifacts = Path.Combine(SourceTree.Root, "artifacts");
        var program = new FileInfo(Programs.Blockhost).ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        CommandRunner.Check(folder.Path, "cp", "-a", Path.GetDirectoryName(program)!, "bin");
        CommandRunner.Check(folder.Path, "cp", "-a", Path.Combine(artifacts, "plugin-manifests"), "plugin-manifests");
        Directory.CreateSymbolicLink(folder["plugins"], Path.Combine(artifacts, "plugins"));
        return folder["bin/blockhost"];
    }

    private static IEnumerable<string> Lines(string table) =>
        table.Split('\n').Select(
            line =>
                string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))).Where(line => !line.StartsWith('─'));

    private static string Url(Folder folder) => $"nbd+unix:///disk?socket={folder["nbd.sock"]}";

    private static Task<ServerProcess> ServeAsync(Folder folder, string image) => ServerProcess.StartAsync(
        folder["qmp.sock"],
        folder.Path,
        Programs.Blockhost,
        "serve",
        "--blockdev", $"driver=qcow2,node-name=disk,file.driver=file,file.filename={image}",
        "--nbd-server", $"addr.type=unix,addr.path={folder["nbd.sock"]}",
        "--export", "type=nbd,id=export,node-name=disk,name=disk,writable=on",
        "--chardev", $"socket,id=qmp,path={folder["qmp.sock"]},server=on,wait=off",
        "--monitor", "chardev=qmp");

    private static void MakeChain(Folder folder)
    {
        CommandRunner.Check(folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "base.qcow2", "64M");
        CommandRunner.Check(folder.Path, "qemu-io", "-c", "write -P 1 0 1M", "base.qcow2");
        CommandRunner.Check(
            folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "middle.qcow2");
        CommandRunner.Check(folder.Path, "qemu-io", "-c", "write -P 2 1M 1M", "middle.qcow2");
        CommandRunner.Check(
            folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "-b", "middle.qcow2", "-F", "qcow2", "top.qcow2");
        CommandRunner.Check(folder.Path, "qemu-io", "-c", "write -P 3 2M 1M", "top.qcow2");
    }
}
