// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json.Nodes;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Images;

namespace BlockHost.Tools.Daemon;

/// <summary>
/// What blockhost serve does when it is not told anything: a disk of its own, kept from one start to the next, for this user
/// alone.
/// <code>
///   STATE/disk.qcow2   made at the first start        STATE/nbd.sock   NBD
///   STATE/lock         held by the running daemon     STATE/qmp.sock   QMP
/// </code>
/// </summary>
internal sealed class EmbeddedState : IDisposable
{
    private const long DiskSize = 10L << 30;
    private const string Node = "disk";
    private const string NbdSocketName = "nbd.sock";
    private const string QmpSocketName = "qmp.sock";

    private readonly string _folder;
    private readonly ushort? _port;
    private readonly FileStream _lock;
    private bool _isNew;

    private EmbeddedState(string folder, ushort? port)
    {
        _folder = folder;
        _port = port;
        _lock = StateFolder.Open(folder, longestSocket: NbdSocketName);
    }

    private string Disk => Path.Combine(_folder, "disk.qcow2");

    private string NbdSocket => Path.Combine(_folder, NbdSocketName);

    private string QmpSocket => Path.Combine(_folder, QmpSocketName);

    /// <summary>The monitor's socket in a state folder.</summary>
    /// <param name="folder">As <see cref="Open"/> takes it.</param>
    public static string MonitorOf(string? folder) =>
        Path.Combine(Path.GetFullPath(folder ?? StateFolder.Default()), QmpSocketName);

    /// <param name="folder">Null: blockhost in the user's state folder.</param>
    /// <param name="port">Serve NBD at this TCP port of the local host as well; null: at Unix sockets only.</param>
    public static EmbeddedState Open(string? folder, ushort? port) =>
        new(Path.GetFullPath(folder ?? StateFolder.Default()), port);

    public async ValueTask CreateDiskAsync(RunningHost host, CancellationToken cancellationToken)
    {
        StateFolder.CloseFile(Disk);
        if (File.Exists(Disk))
            return;
        _isNew = true;
        var creation = await ImageCreation.PlanAsync(host.Images, Disk, "qcow2", cancellationToken);
        creation.Options.Set("size", DiskSize.ToString(CultureInfo.InvariantCulture));
        await creation.RunAsync(cancellationToken);
    }

    /// <summary>The monitor last: where its socket is, the rest is there.</summary>
    public IReadOnlyList<DaemonStep> Steps() =>
    [
        Step(DaemonStepKind.Blockdev, BlockdevOptions()),
        _port is null
            ? Step(DaemonStepKind.NbdServer, NbdServer())
            : new(DaemonStepKind.NbdServer, NbdServer(), $"--port {_port}"),
        Step(DaemonStepKind.Export, $"type=nbd,id={Node},node-name={Node},name={Node},writable=on"),
        Step(DaemonStepKind.Chardev, $"socket,id=qmp,path={Escape(QmpSocket)},server=on,wait=off"),
        Step(DaemonStepKind.Monitor, "chardev=qmp"),
    ];

    /// <summary>All has been opened: a disk that was made for it stays.</summary>
    public void Keep() => _isNew = false;

    public string Describe(bool inBackground) =>
        $"""
        blockhost {Versions.Own} serves the disk {Disk} ({Sizes.Human(DiskSize)}), which stays for the next start.

          NBD   nbdinfo 'nbd+unix:///{Node}?socket={NbdSocket}'
          QMP   socat - UNIX-CONNECT:{QmpSocket}
        {DescribePort()}
        {(inBackground ? $"It runs in the background as process {Environment.ProcessId}; `kill {Environment.ProcessId}` ends it." : "Ctrl-C ends it.")}

        """;

    public void Dispose()
    {
        if (_isNew)
            File.Delete(Disk);
        _lock.Dispose();
    }

    private DaemonStep Step(DaemonStepKind kind, string argument) => new(kind, argument, $"--state {_folder}");

    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    private string NbdServer() =>
        $"addr.type=unix,addr.path={Escape(NbdSocket)}{(_port is { } port ? $",also.0.type=inet,also.0.host=127.0.0.1,also.0.port={port}" : "")}";

    private string DescribePort() =>
        _port is { } port ? $"  TCP   nbdinfo nbd://127.0.0.1:{port}/{Node}    (open to every user of this machine)\n" : "";

    private string BlockdevOptions() => new JsonObject
    {
        ["driver"] = "qcow2",
        ["node-name"] = Node,
        ["discard"] = "unmap",
        ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = Disk, ["discard"] = "unmap" },
    }.ToJsonString();
}
