// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>blockhost serve: who can reach what it makes, and what it says where it cannot start.</summary>
public sealed class ServeTests : IDisposable
{
    private const string Elsewhere = "give a folder of your own with --state DIR";

    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("000")]
    [InlineData("022")]
    [InlineData("077")]
    [InlineData("777")]
    public async Task Its_own_disk_is_its_users_alone_whatever_the_umask(string umask)
    {
        await using var daemon = await StartAsync(umask, "state/qmp.sock", "serve", "--state", "state");

        Assert.Equal(
            ["700 state", "600 state/disk.qcow2", "600 state/lock", "600 state/nbd.sock", "600 state/qmp.sock"],
            Modes("state", "state/disk.qcow2", "state/lock", "state/nbd.sock", "state/qmp.sock"));
        Assert.Empty(TcpListeners(daemon));
        Assert.Equal(0, await daemon.TerminateAsync());
    }

    [SkippableFact]
    public async Task What_options_have_it_make_is_its_users_alone_too()
    {
        Programs.Require("qemu-img");
        CommandRunner.Check(_folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "disk.qcow2", "1M");
        await using var daemon = await StartAsync("000", "qmp.sock", ["serve", "--audit-log", "audit", .. Options("disk.qcow2")]);
        await SnapshotAsync();

        Assert.Equal(
            ["600 audit", "600 nbd.sock", "600 pid", "600 qmp.sock", "600 snapshot.qcow2"],
            Modes("audit", "nbd.sock", "pid", "qmp.sock", "snapshot.qcow2"));
    }

    [SkippableFact]
    public async Task Under_QEMUs_name_the_umask_decides_as_with_QEMU()
    {
        Programs.Require("qemu-img", "qemu-storage-daemon");
        CommandRunner.Check(_folder.Path, "qemu-img", "create", "-q", "-f", "qcow2", "disk.qcow2", "1M");
        var modes = new List<string[]>();
        foreach (var program in new[] { "qemu-storage-daemon", Programs.Ours("qemu-storage-daemon") })
        {
            await using (await ServerProcess.StartAsync(
                _folder["qmp.sock"],
                _folder.Path,
                "sh",
                ["-c", $"umask 002; exec {program} \"$@\"", "sh", .. Options("disk.qcow2")]))
            {
                await SnapshotAsync();
                modes.Add(Modes("nbd.sock", "pid", "qmp.sock", "snapshot.qcow2"));
            }

            foreach (var left in new[] { "nbd.sock", "pid", "qmp.sock", "snapshot.qcow2" })
                File.Delete(_folder[left]);
        }

        Assert.Equal(modes[0], modes[1]);
    }

    [SkippableFact]
    public async Task TCP_is_there_when_it_is_asked_for()
    {
        Programs.Require("nbdinfo");
        var port = Ports.Free();
        await using var daemon = await StartAsync("022", "state/qmp.sock", "serve", "--state", "state", "--port", $"{port}");

        CommandRunner.Check(_folder.Path, "nbdinfo", $"nbd://127.0.0.1:{port}/disk");
        CommandRunner.Check(_folder.Path, "nbdinfo", $"nbd+unix:///disk?socket={_folder["state/nbd.sock"]}");
        Assert.Single(TcpListeners(daemon));
    }

    [SkippableFact]
    public async Task A_second_daemon_says_what_to_do_and_that_works()
    {
        Programs.Require("nbdinfo");
        await using var first = await StartAsync("022", "state/qmp.sock", "serve", "--state", "state");

        Refused(
            $"another blockhost serves from {_folder["state"]}; give this one a folder of its own with --state DIR",
            "--state",
            "state");
        await using var second = await StartAsync("022", "other/qmp.sock", "serve", "--state", "other");
        foreach (var state in new[] { "state", "other" })
            CommandRunner.Check(_folder.Path, "nbdinfo", $"nbd+unix:///disk?socket={_folder[$"{state}/nbd.sock"]}");
    }

    [Fact]
    public void A_start_that_fails_leaves_no_new_disk_behind()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        var port = ((IPEndPoint)taken.LocalEndPoint!).Port;

        var result = Serve("--state", "state", "--port", $"{port}");

        Assert.Equal(
            (1, $"blockhost serve: --port {port}: Failed to find an available port: Address already in use\n"),
            (result.ExitCode, result.Error));
        Assert.Equal(["lock"], Directory.GetFileSystemEntries(_folder["state"]).Select(path => Path.GetFileName(path)));
    }

    [Fact]
    public void A_folder_that_cannot_be_the_state_folder_is_named_with_the_way_out()
    {
        File.WriteAllText(_folder["file"], "");
        Directory.CreateDirectory(_folder["used"], (UnixFileMode)0b111_101_101);
        File.WriteAllText(_folder["used/thing"], "");
        var deep = new string('d', 100);

        Refused($"the state folder {_folder["file"]} is a file; {Elsewhere}", "--state", "file");
        Refused(
            $"the folder {_folder["used"]} holds other things, and other users can enter it (mode 0755); {Elsewhere}, or close this one: chmod 700 {_folder["used"]}",
            "--state", "used");
        Refused(
            $"the path of the state folder {_folder[deep]} is too long for the sockets in it; give a shorter one with --state DIR",
            "--state",
            deep);
        Refused("--port x: a number from 1 to 65535 is wanted; NBD's own is 10809", "--port", "x");
    }

    [Fact]
    public void A_user_whose_home_cannot_be_written_is_told_so()
    {
        var result = CommandRunner.RunIn(
            _folder.Path, "env", "-u", "XDG_STATE_HOME", "HOME=/proc/nobody", Programs.Native, "serve");

        Assert.Equal(
            (1, $"blockhost serve: cannot use the state folder /proc/nobody/.local/state/blockhost: No such file or directory; {Elsewhere}\n"), (result.ExitCode, result.Error));
    }

    [SkippableFact]
    public void A_foreign_folder_is_refused()
    {
        Skip.IfNot(Environment.UserName == "root", "only root can give a folder away");
        Directory.CreateDirectory(_folder["foreign"]);
        CommandRunner.Check(_folder.Path, "chown", "4711", "foreign");

        Refused(
            $"the state folder {_folder["foreign"]} belongs to another user (number 4711); {Elsewhere}", "--state", "foreign");
    }

    [SkippableFact]
    public async Task Where_the_monitors_socket_is_the_rest_is_there()
    {
        Programs.Require("nbdinfo");
        await using var daemon = await StartAsync("022", "state/qmp.sock", "serve", "--state", "state");

        CommandRunner.Check(_folder.Path, "nbdinfo", $"nbd+unix:///disk?socket={_folder["state/nbd.sock"]}");
    }

    /// <summary>The daemon stands still at the character device, with its NBD socket there and no export yet.</summary>
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_comes_while_options_are_carried_out_finds_its_export(bool ours)
    {
        Programs.Require("nbdinfo", "qemu-storage-daemon");
        await using var daemon = await ServerProcess.StartAsync(
            _folder["gate"], _folder.Path, ours ? Programs.Ours("qemu-storage-daemon") : "qemu-storage-daemon",
            "--blockdev", "driver=null-co,node-name=disk,size=1048576",
            "--nbd-server", $"addr.type=unix,addr.path={_folder["nbd.sock"]}",
            "--export", "type=nbd,id=first,node-name=disk",
            "--chardev", $"socket,id=gate,path={_folder["gate"]},server=on,wait=on",
            "--export", "type=nbd,id=second,node-name=disk,name=second");

        using var client = CommandRunner.Start(_folder.Path, "nbdinfo", [$"nbd+unix:///second?socket={_folder["nbd.sock"]}"]);
        Assert.False(client.WaitForExit(TimeSpan.FromSeconds(2)));
        using var gate = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await gate.ConnectAsync(new UnixDomainSocketEndPoint(_folder["gate"]));

        Assert.True(client.WaitForExit(TimeSpan.FromSeconds(30)));
        Assert.Equal(0, client.ExitCode);
    }

    private static IEnumerable<string> TcpListeners(ServerProcess daemon)
    {
        var mine = Directory.GetFiles($"/proc/{daemon.Id}/fd").Select(fd => new FileInfo(fd).LinkTarget).ToHashSet();
        return new[] { "tcp", "tcp6" }
            .Select(table => $"/proc/{daemon.Id}/net/{table}").Where(File.Exists)
                .SelectMany(table => File.ReadLines(table).Skip(1))
            .Select(
                line =>
                    line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(fields =>
                        fields[3] == "0A" && mine.Contains($"socket:[{fields[9]}]"))
            .Select(fields => fields[1]);
    }

    private string[] Modes(params string[] names) =>
        [.. names.Select(name => $"{Convert.ToString((int)File.GetUnixFileMode(_folder[name]), 8)} {name}")];

    private string[] Options(string image) =>
    [
        "--pidfile", "pid", "--blockdev", $"driver=qcow2,node-name=disk,file.driver=file,file.filename={image}",
        "--nbd-server", "addr.type=unix,addr.path=nbd.sock", "--chardev", "socket,id=c,path=qmp.sock,server=on,wait=off", "--monitor", "chardev=c",
    ];

    private async Task SnapshotAsync()
    {
        using var qmp = await QmpClient.ConnectAsync(_folder["qmp.sock"]);
        await qmp.RunAsync(
            $$"""{"execute": "blockdev-snapshot-sync", "arguments": {"node-name": "disk", "snapshot-file": "{{_folder["snapshot.qcow2"]}}", "snapshot-node-name": "s"} }""");
    }

    private Task<ServerProcess> StartAsync(string umask, string ready, params string[] args) =>
        ServerProcess.StartAsync(
            _folder[ready], _folder.Path, "sh", ["-c", $"umask {umask}; exec \"$@\"", "sh", Programs.Native, .. args]);

    private CommandResult Serve(params string[] args) =>
        CommandRunner.RunIn(_folder.Path, Programs.Native, ["serve", .. args]);

    private void Refused(string message, params string[] args) =>
        Assert.Equal(new CommandResult(1, "", $"blockhost serve: {message}\n"), Serve(args));
}
