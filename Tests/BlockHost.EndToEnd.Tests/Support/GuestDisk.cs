// SPDX-License-Identifier: MIT
namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>A daemon whose one disk is a guest's, over vhost-user; it may die and come again.</summary>
internal sealed class GuestDisk(Folder folder, string size = "64M") : IAsyncDisposable
{
    private ServerProcess? _daemon;

    public string Socket => folder["vu.sock"];

    public string Image => folder["disk.raw"];

    public string Qmp => folder["qmp.sock"];

    /// <summary>The daemon.</summary>
    public string Program { get; init; } = Programs.Native;

    /// <summary>What QEMU's command line says of it.</summary>
    /// <param name="properties">Of the device.</param>
    public string[] Device(string properties = "") =>
    [
        "-chardev", $"socket,id=disk,path={Socket},reconnect=1",
        "-device", $"vhost-user-blk-pci,chardev=disk{properties}",
    ];

    /// <param name="node">Options of the node d over the node "file".</param>
    public async Task StartAsync(string node = "driver=raw,node-name=d,file=file", int queues = 1, params string[] more)
    {
        if (!File.Exists(Image))
            CommandRunner.Check(folder.Path, "truncate", "-s", size, Image);
        // The one that was killed has left its name.
        File.Delete(Socket);
        _daemon = await ServerProcess.StartAsync(
            Socket,
            folder.Path,
            Program,
            [
                "serve", .. more, "--blockdev", $"driver=file,node-name=file,filename={Image}", "--blockdev", node,
                "--chardev", $"socket,id=qmp,path={Qmp},server=on,wait=off", "--monitor", "chardev=qmp",
                "--export",
                $"type=vhost-user-blk,id=e,node-name=d,writable=on,num-queues={queues},addr.type=unix,addr.path={Socket}",
            ]);
    }

    public async Task KillAsync()
    {
        await _daemon!.KillAsync();
        await _daemon.DisposeAsync();
        _daemon = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_daemon is not null)
            await _daemon.DisposeAsync();
    }
}
