// SPDX-License-Identifier: MIT
namespace BlockHost.Oracle.Tests.Support;

/// <summary>The images that sessions start from.</summary>
internal static class Images
{
    public static async Task MakeAsync(string folder)
    {
        foreach (var file in Directory.GetFiles(folder))
            File.Delete(file);
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", $"{folder}/base.qcow2", "10M");
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", $"{folder}/middle.qcow2");
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", "-b", "middle.qcow2", "-F", "qcow2", $"{folder}/top.qcow2");
        await StorageDaemon.RunAsync("qemu-io", "-f", "qcow2", "-c", "write -q -P 1 0 2M", $"{folder}/base.qcow2");
        await StorageDaemon.RunAsync("qemu-io", "-f", "qcow2", "-c", "write -q -P 2 1M 2M", $"{folder}/middle.qcow2");
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", $"{folder}/other.qcow2", "10M");
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "raw", $"{folder}/disk.raw", "1M");
    }
}
