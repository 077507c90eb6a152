// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Formats.Testing;

/// <summary>Damaged images of a format that is only read: what QEMU reads of them we read alike.</summary>
/// <param name="isOurs">We refuse, with these words, what QEMU reads.</param>
public sealed class ReaderExam(FormatBed images, string folder, Func<string, bool> isOurs)
{
    private const long LargestRead = 16 << 20;

    public static byte[] BytesOf(ulong value, int size, bool bigEndian)
    {
        var bytes = new byte[sizeof(ulong)];
        if (bigEndian)
            BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        else
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bigEndian ? bytes[^size..] : bytes[..size];
    }

    /// <summary>As QEMU reads it, or refused where QEMU refuses, in its words.</summary>
    public async Task CompareAsync(MemoryImage mutant, string name)
    {
        await Qemu.SaveAsync(mutant, Path.Combine(folder, "mutant"));
        var (exitCode, info) = images.SecretOption is null
            ? Qemu.Run(folder, "qemu-img", "info", "-f", images.Format, "mutant")
            : Qemu.Run(folder, "qemu-io", ["-r", .. images.QemuArgs("mutant"), "-c", "quit"]);
        BlockNode node;
        try
        {
            node = await images.OpenAsync(mutant, readOnly: true);
        }
        catch (BlockException e)
        {
            Assert.True(isOurs(e.Message) || exitCode != 0, $"{name}: QEMU reads it, and we refuse it: {e.Message}");
            if (!isOurs(e.Message))
                Assert.True(info.Contains(e.Message, StringComparison.Ordinal), $"{name}: {e.Message}, where QEMU says {info}");
            return;
        }

        await using (node)
        {
            Assert.True(exitCode == 0, $"{name}: we read it, and QEMU does not: {info}");
            if (node.Profile.Length is > 0 and <= LargestRead)
                await CompareContentAsync(node, name);
        }
    }

    private async Task CompareContentAsync(BlockNode node, string name)
    {
        var real = Qemu.Run(folder, "qemu-img", ["convert", "-O", "raw", .. images.QemuArgs("mutant"), "read.raw"]);
        try
        {
            var ours = await Disk.ReadAllAsync(node);
            Assert.True(real.ExitCode == 0, $"{name}: we read all of it, and QEMU does not: {real.Output}");
            Assert.True(
                Disk.Same(await File.ReadAllBytesAsync(Path.Combine(folder, "read.raw")), ours),
                $"{name}: QEMU reads something else");
        }
        catch (BlockException e)
        {
            Assert.True(isOurs(e.Message) || real.ExitCode != 0, $"{name}: QEMU reads all of it: {e.Message}");
        }
    }
}
