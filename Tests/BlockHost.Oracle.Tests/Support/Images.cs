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
        await StorageDaemon.RunAsync(
            "qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", $"{folder}/middle.qcow2");
        await StorageDaemon.RunAsync(
            "qemu-img", "create", "-q", "-f", "qcow2", "-b", "middle.qcow2", "-F", "qcow2", $"{folder}/top.qcow2");
        await StorageDaemon.RunAsync("qemu-io", "-f", "qcow2", "-c", "write -q -P 1 0 2M", $"{folder}/base.qcow2");
        await StorageDaemon.RunAsync("qemu-io", "-f", "qcow2", "-c", "write -q -P 2 1M 2M", $"{folder}/middle.qcow2");
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", $"{folder}/other.qcow2", "10M");
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "raw", $"{folder}/disk.raw", "1M");
    }

    public static Task ShrinkBaseAsync(string folder) =>
        StorageDaemon.RunAsync("qemu-img", "resize", "-q", "--shrink", $"{folder}/base.qcow2", "3M");

    public static Task RebaseOntoRawAsync(string folder) =>
        StorageDaemon.RunAsync("qemu-img", "rebase", "-u", "-b", "disk.raw", "-F", "raw", $"{folder}/middle.qcow2");

    /// <summary>Reads of middle.qcow2 at 4 MiB fail.</summary>
    public static Task BreakMiddleAsync(string folder) => WriteUnreadableAsync($"{folder}/middle.qcow2", "4M");

    /// <summary>
    /// Adds images of 10 MiB: plain.raw, which holds 256 KiB; bad.qcow2 of as much, whose reads from 64 to 128 KiB fail, with
    /// bad-top.qcow2 over it; and full.qcow2, whose data belongs into a file that takes none, such as /dev/full.
    /// </summary>
    public static async Task AddFailingAsync(string folder)
    {
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "raw", $"{folder}/plain.raw", "10M");
        await StorageDaemon.RunAsync("qemu-io", "-f", "raw", "-c", "write -q -P 5 0 256k", $"{folder}/plain.raw");
        await StorageDaemon.RunAsync("qemu-img", "create", "-q", "-f", "qcow2", $"{folder}/bad.qcow2", "10M");
        await StorageDaemon.RunAsync(
            "qemu-io", "-f", "qcow2", "-c", "write -q -P 5 0 64k", "-c", "write -q -P 5 128k 128k", $"{folder}/bad.qcow2");
        await WriteUnreadableAsync($"{folder}/bad.qcow2", "64k");
        await StorageDaemon.RunAsync(
            "qemu-img", "create", "-q", "-f", "qcow2", "-b", "bad.qcow2", "-F", "qcow2", $"{folder}/bad-top.qcow2");
        await StorageDaemon.RunAsync(
            "qemu-img", "create", "-q", "-f", "qcow2", "-o", $"data_file={folder}/data", $"{folder}/full.qcow2", "10M");
    }

    /// <summary>A compressed cluster that is no stream.</summary>
    private static async Task WriteUnreadableAsync(string path, string offset)
    {
        await StorageDaemon.RunAsync("qemu-io", "-f", "qcow2", "-c", $"write -q -c -P 5 {offset} 64k", path);
        var image = await File.ReadAllBytesAsync(path);
        // What was written last lies last.
        var end = image.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
        image.AsSpan(end - 40, 40).Fill(0xff);
        await File.WriteAllBytesAsync(path, image);
    }
}
