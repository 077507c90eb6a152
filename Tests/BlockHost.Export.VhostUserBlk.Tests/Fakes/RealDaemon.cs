// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Export.VhostUserBlk.Tests.Fakes;

/// <summary>QEMU's daemon with an export of a raw file.</summary>
internal sealed class RealDaemon : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("qsd").FullName;
    private readonly Process _process;

    /// <exception cref="SkipException">It is not installed.</exception>
    public RealDaemon(byte[] content, bool writable, ushort queues)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-storage-daemon"), "qemu-storage-daemon is not installed");
        File.WriteAllBytes(Image, content);
        _process = Process.Start(
            "qemu-storage-daemon",
            [
                "--blockdev", $"driver=file,node-name=f,filename={Image},discard=unmap",
                "--blockdev", "driver=raw,node-name=d,file=f,discard=unmap",
                "--export",
                $"type=vhost-user-blk,id=e,node-name=d,writable={(writable ? "on" : "off")},num-queues={queues},"
                    + $"addr.type=unix,addr.path={Socket}",
            ]);
        for (var clock = Stopwatch.StartNew(); !Readiness.IsReady(Socket) && clock.Elapsed < Patience;)
            Thread.Sleep(10);
    }

    public string Image => Path.Combine(_folder, "disk");

    public string Socket => Path.Combine(_folder, "s");

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience);
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
