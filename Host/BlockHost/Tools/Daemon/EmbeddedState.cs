// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Images;

namespace BlockHost.Tools.Daemon;

/// <summary>
/// What blockhost serve does when it is not told anything: a disk of its own, kept from one start to the next.
/// <code>
///   STATE/disk.qcow2   made at the first start        STATE/nbd.sock   NBD
///   STATE/lock         held by the running daemon     STATE/qmp.sock   QMP
/// </code>
/// </summary>
internal sealed class EmbeddedState : IDisposable
{
    private const long DiskSize = 10L << 30;
    private const int NbdPort = 10809;
    private const string Node = "disk";

    private readonly string _folder;
    private readonly FileStream _lock;

    private EmbeddedState(string folder, FileStream folderLock)
    {
        _folder = folder;
        _lock = folderLock;
    }

    private string Disk => Path.Combine(_folder, "disk.qcow2");

    private string NbdSocket => Path.Combine(_folder, "nbd.sock");

    private string QmpSocket => Path.Combine(_folder, "qmp.sock");

    /// <summary>The monitor's socket in a state folder.</summary>
    /// <param name="folder">As <see cref="Open"/> takes it.</param>
    public static string MonitorOf(string? folder) => Path.Combine(Path.GetFullPath(folder ?? DefaultFolder()), "qmp.sock");

    /// <param name="folder">Null: blockhost in the user's state folder.</param>
    public static EmbeddedState Open(string? folder)
    {
        var path = Path.GetFullPath(folder ?? DefaultFolder());
        Directory.CreateDirectory(path);
        try
        {
            return new EmbeddedState(path, new FileStream(Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException)
        {
            throw new ToolException($"another blockhost serves from {path}; give this one a folder of its own with --state DIR");
        }
    }

    public async ValueTask CreateDiskAsync(RunningHost host, CancellationToken cancellationToken)
    {
        if (File.Exists(Disk))
            return;
        var creation = await ImageCreation.PlanAsync(host.Images, Disk, "qcow2", cancellationToken);
        creation.Options.Set("size", DiskSize.ToString(System.Globalization.CultureInfo.InvariantCulture));
        await creation.RunAsync(cancellationToken);
    }

    public IReadOnlyList<DaemonStep> Steps() =>
    [
        Step(DaemonStepKind.Chardev, $"socket,id=qmp,path={Escape(QmpSocket)},server=on,wait=off"),
        Step(DaemonStepKind.Monitor, "chardev=qmp"),
        Step(DaemonStepKind.Blockdev, BlockdevOptions()),
        Step(DaemonStepKind.NbdServer, $"addr.type=inet,addr.host=127.0.0.1,addr.port={NbdPort},also.0.type=unix,also.0.path={Escape(NbdSocket)}"),
        Step(DaemonStepKind.Export, $"type=nbd,id={Node},node-name={Node},name={Node},writable=on"),
    ];

    public string Describe() =>
        $"""
        blockhost {Versions.Own} serves the disk {Disk} ({Sizes.Human(DiskSize)}), which stays for the next start.

          NBD, TCP      nbdinfo nbd://127.0.0.1/{Node}
          NBD, socket   qemu-img info 'nbd+unix:///{Node}?socket={NbdSocket}'
          QMP           socat - UNIX-CONNECT:{QmpSocket}

        Ctrl-C ends it.

        """;

    public void Dispose() => _lock.Dispose();

    private static DaemonStep Step(DaemonStepKind kind, string argument) => new(kind, argument, argument);

    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    private static string DefaultFolder()
    {
        var state = Environment.GetEnvironmentVariable("XDG_STATE_HOME");
        if (string.IsNullOrEmpty(state))
            state = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state");
        return Path.Combine(state, "blockhost");
    }

    private string BlockdevOptions() => new JsonObject
    {
        ["driver"] = "qcow2",
        ["node-name"] = Node,
        ["discard"] = "unmap",
        ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = Disk, ["discard"] = "unmap" },
    }.ToJsonString();
}
