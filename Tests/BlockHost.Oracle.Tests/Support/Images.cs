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

    public static Task ShrinkBaseAsync(string folder) => StorageDaemon.RunAsync("qemu-img", "resize", "-q", "--shrink", $"{folder}/base.qcow2", "3M");

    /// <summary>Reads of middle.qcow2 at 4 MiB fail: a compressed cluster is no stream any more.</summary>
    public static async Task BreakMiddleAsync(string folder)
    {
        await StorageDaemon.RunAsync("qemu-io", "-f", "qcow2", "-c", "write -q -c -P 5 4M 64k", $"{folder}/middle.qcow2");
        var image = await File.ReadAllBytesAsync($"{folder}/middle.qcow2");
        // What was written last lies last.
        var end = image.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        image.AsSpan(end - 40, 40).Fill(0xff);
        await File.WriteAllBytesAsync($"{folder}/middle.qcow2", image);
    }
}
