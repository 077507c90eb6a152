// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Block.Qcow2.Tests.Malformed;

/// <summary>Sound images with a bit of everything.</summary>
internal static class Samples
{
    public static (byte[] Image, ImageMap Map) Make(QemuTools qemu, string options, bool withBitmap = true)
    {
        var old = options.Contains("compat=0.10", StringComparison.Ordinal);
        qemu.Run(
            "qemu-img",
            options.Length
                == 0 ? ["create", "-f", "qcow2", "a.qcow2", "2M"] : ["create", "-f", "qcow2", "-o", options, "a.qcow2", "2M"]);
        qemu.Io("a.qcow2", "write -P 1 0 300k", "write -P 2 1M 70k");
        if (!old) qemu.Io("a.qcow2", "write -z 64k 64k", "write -z -u 1152k 64k");
        qemu.Io("a.qcow2", "write -c -P 7 1536k 64k", "write -c -P 8 1600k 64k");
        if (!options.Contains("refcount_bits=1,", StringComparison.Ordinal))
        {
            qemu.Img("snapshot", "-c", "one", "a.qcow2");
            qemu.Io("a.qcow2", "write -P 4 128k 128k", "write -P 5 1920k 10k");
        }
        if (withBitmap && !old) qemu.Run("qemu-img", ["bitmap", "--add", "-g", "64k", "a.qcow2", "bitmap"]);
        var image = File.ReadAllBytes(qemu.Path("a.qcow2"));
        return (image, new ImageMap(image));
    }

    public static async Task<byte[]> MakeOwnAsync(string options)
    {
        var storage = await TestDisk.CreateAsync(2 << 20, options);
        await using (var disk = await TestDisk.OpenAsync(storage))
        {
            await disk.WriteAsync(0, 300_000, 1);
            await disk.WriteAsync(1 << 20, 70_000, 2);
            if (!options.Contains("v2", StringComparison.Ordinal)) await disk.Node.WriteZeroesAsync(
                65536, 65536, ZeroFlags.None, default);
            if (!options.Contains("2097152", StringComparison.Ordinal))
                await disk.Node.WriteAsync(1536 << 10, TestDisk.Filled(65536, 3), WriteFlags.Compressed, default);
            if (!options.Contains("\"refcount-bits\": 1,", StringComparison.Ordinal))
                await disk.Facet<ISnapshotStore>().CreateAsync(
                    new SnapshotRecord("", "one", 0, DateTimeOffset.UnixEpoch, TimeSpan.Zero), default);
            await disk.WriteAsync(128 << 10, 131072, 4);
        }
        return storage.Read(0, (int)storage.Length);
    }
}
