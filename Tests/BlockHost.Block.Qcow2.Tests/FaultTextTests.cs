// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>What is said of broken tables is what QEMU says, hexadecimal digits included.</summary>
public sealed class FaultTextTests
{
    private const int L1 = 40;

    [SkippableTheory]
    [InlineData("compat=1.1", "l1", 0x8000_0000_0004_0200, "read 64k 512")]
    [InlineData("compat=1.1", "l2", 0x8000_0000_0005_0200, "read 64k 512")]
    [InlineData("compat=1.1", "l2", 0x8000_0000_0005_0201, "read 64k 512")]
    [InlineData("compat=0.10", "l2", 0x8000_0000_0005_0001, "read 64k 512")]
    [InlineData("extended_l2=on", "bitmap", 0x0000_0001_0000_0001, "read 128k 512")]
    [InlineData("data_file=d.raw", "l2", 0x8000_0000_0003_0000, "read 64k 512")]
    [InlineData("data_file=d.raw", "l2", 0x8000_0000_0001_0200, "read 64k 512")]
    [InlineData("data_file=d.raw", "l2", 0x4000_0000_0003_0000, "read 64k 512")]
    public async Task A_broken_entry_is_described_as_qemu_does(string options, string place, ulong value, string command)
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        qemu.Img("create", "-f", "qcow2", "-o", options, "a.qcow2", "1M");
        qemu.Run("qemu-io", ["-c", "write 0 256k", "a.qcow2"]);
        var image = qemu.Load("a.qcow2");
        var l1 = BinaryPrimitives.ReadInt64BigEndian(image.Read(L1, 8));
        var l2 = BinaryPrimitives.ReadInt64BigEndian(image.Read(l1, 8)) & ~(1L << 63);
        var at = place switch { "l1" => l1, "bitmap" => l2 + 40, _ => l2 + 8 };
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        image.Write(at, bytes);
        qemu.Save(image, "a.qcow2");
        var theirs = qemu.RunAll("qemu-io", ["-r", "-c", command, "a.qcow2"], 1);
        const string Mark = "Image is corrupt: ";
        var text = theirs[theirs.IndexOf(Mark, StringComparison.Ordinal)..];
        text = text[..text.IndexOf("; further", StringComparison.Ordinal)];
        var data = options.StartsWith("data", StringComparison.Ordinal)
            ? new Conformance.TestHost.MemoryChild(qemu.Load("d.raw"), "data-file")
            : null;
        var disk = await TestDisk.OpenAsync(image, readOnly: true, dataFile: data);
        var offset = command.Contains("128k", StringComparison.Ordinal) ? 128 << 10 : 64 << 10;
        Assert.Equal(text, (await Assert.ThrowsAsync<BlockException>(() => disk.ReadAsync(offset, 512))).Message);
    }
}
