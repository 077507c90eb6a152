// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Formats.Testing;

/// <summary>
/// Damaged images of a format that is only read: what QEMU reads of them we read alike, and whatever they say, they are opened
/// and read, or refused, in time that follows from their size and without taking memory for it.
/// </summary>
/// <param name="isOurs">We refuse, with these words, what QEMU reads.</param>
public sealed class ReaderExam(FormatBed images, string folder, Func<string, bool> isOurs)
{
    /// <summary>More than any node may take for an image of a few megabytes.</summary>
    public long MostMemory { get; init; } = 400 << 20;

    private const long LargestRead = 16 << 20;

    /// <summary>Only a hang takes so long.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Numbers around which sums and products leave their range.</summary>
    private static readonly ulong[] ExtremeNumbers = [
        0, 1, 0x1ff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff, 1UL << 32, (1UL << 32) + 1, 1UL << 54, (1UL << 55) - 1,
        1UL << 62, long.MaxValue - 511, long.MaxValue, 1UL << 63, ulong.MaxValue - 511, ulong.MaxValue];

    /// <summary>Fields of 4 and 8 bytes, at every multiple of 4 of a range, with each extreme number.</summary>
    public static IEnumerable<(string Name, MemoryImage Image)> Extremes(MemoryImage whole, long from, long to, bool bigEndian)
    {
        foreach (var size in new[] { sizeof(uint), sizeof(ulong) })
        {
            foreach (var value in ExtremeNumbers.Where(value => size == sizeof(ulong) || value <= uint.MaxValue))
            {
                for (var at = from; at + size <= to; at += sizeof(uint))
                {
                    var mutant = whole.Clone();
                    mutant.Write(at, BytesOf(value, size, bigEndian));
                    yield return ($"{size} bytes at {at} are {value:x}", mutant);
                }
            }
        }
    }

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
        var (exitCode, info) = Qemu.Run(folder, "qemu-img", "info", "-f", images.Format, "mutant");
        BlockNode node;
        try
        {
            node = await images.OpenAsync(mutant, readOnly: true);
        }
        catch (BlockException e)
        {
            Assert.True(isOurs(e.Message) || exitCode != 0, $"{name}: QEMU reads it, and we refuse it: {e.Message}");
            if (!isOurs(e.Message))
                Assert.Contains(e.Message, info, StringComparison.Ordinal);
            return;
        }

        await using (node)
        {
            Assert.True(exitCode == 0, $"{name}: we read it, and QEMU does not: {info}");
            if (node.Profile.Length is > 0 and <= LargestRead)
                await CompareContentAsync(node, name);
        }
    }

    /// <summary>Opened and read at both ends, or refused: nothing else, soon, and in little memory.</summary>
    public async Task ProveBoundedAsync(MemoryImage mutant, string name)
    {
        var before = GC.GetTotalAllocatedBytes();
        await Task.Run(() => UseAsync(mutant, name)).WaitAsync(Patience);
        var taken = GC.GetTotalAllocatedBytes() - before;
        Assert.True(taken < MostMemory, $"{name}: takes {taken} bytes");
    }

    private async Task UseAsync(MemoryImage mutant, string name)
    {
        try
        {
            await using var node = await images.OpenAsync(mutant, readOnly: true);
            var bytes = new byte[Math.Min(node.Profile.Length, 64 << 10)];
            await IgnoreAsync(async () => await node.ReadAsync(0, bytes, ReadFlags.None, default));
            await IgnoreAsync(
                async () => await node.ReadAsync(node.Profile.Length - bytes.Length, bytes, ReadFlags.None, default));
            if (node.Profile.Length > 0)
                await node.GetStatusAsync(0, node.Profile.Length, StatusPrecision.WantZero, default);
            if (node.TryGetFacet<IImageCheck>(out var check))
                await check.CheckAsync(CheckRepair.None, default);
        }
        catch (BlockException)
        {
            // Refused.
        }
        catch (Exception e)
        {
            Assert.Fail($"{name}: {e}");
        }
    }

    private static async Task IgnoreAsync(Func<Task> read)
    {
        try
        {
            await read();
        }
        catch (BlockException)
        {
            // Damaged there.
        }
    }

    private async Task CompareContentAsync(BlockNode node, string name)
    {
        var real = Qemu.Run(folder, "qemu-img", "convert", "-f", images.Format, "-O", "raw", "mutant", "read.raw");
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
