// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vhdx;

namespace BlockHost.Block.Vhdx.Tests;

/// <summary>The driver on images in memory, and QEMU's tools.</summary>
internal static class VhdxBed
{
    /// <summary>The smallest block there is.</summary>
    public const int Block = 1 << 20;

    public const long Header1 = 64 << 10;
    public const long Header2 = 128 << 10;
    public const long Region1 = 192 << 10;
    public const long Region2 = 256 << 10;
    public const long Log = 1 << 20;
    public const long Table = 2 << 20;
    public const long Metadata = 3 << 20;
    public const long Items = Metadata + (64 << 10);

    public static FormatBed Images { get; } = new(new VhdxPlugin(), "vhdx");

    public static BlockDriver Driver => Images.Driver;

    public static Task CreateAsync(IBlockChild storage, long size, params (string Name, object Value)[] options) =>
        Images.CreateAsync(storage, Complete(size, options));

    /// <summary>An image with blocks of 1 MiB.</summary>
    public static Task<MemoryImage> CreateAsync(long size, params (string Name, object Value)[] options) =>
        Images.CreateAsync(Complete(size, options));

    public static Task<BlockNode> OpenAsync(
        MemoryImage image,
        bool readOnly = false,
        bool forRepair = false,
        bool noIo = false,
        IBlockChild? backing = null,
        Func<IBlockChild, IBlockChild>? wrap = null) =>
        Images.OpenAsync(image, readOnly, backing, wrap, forRepair, noIo);

    /// <summary>Changes a structure and sets its checksum.</summary>
    public static void Seal(MemoryImage image, long offset, int size, params (int At, byte[] Bytes)[] changes)
    {
        var bytes = image.Read(offset, size);
        foreach (var (at, change) in changes)
            change.CopyTo(bytes, at);
        bytes.AsSpan(4, 4).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), Crc32C(bytes));
        image.Write(offset, bytes);
    }

    /// <summary>Makes an image one that has a parent, of which it says so much.</summary>
    public static void GiveParent(MemoryImage image, params (string Key, string Value)[] says)
    {
        const int At = 4096;
        image.Write(Items + 4, new byte[] { 2 });
        image.Write(Metadata + 10, new byte[] { 6 });
        var texts = says.SelectMany(pair => new[] { pair.Key, pair.Value }).Select(Encoding.Unicode.GetBytes).ToList();
        var locator = new List<byte>();
        locator.AddRange(new Guid("B04AEFB7-D19E-4A81-B789-25B8E9445913").ToByteArray());
        locator.AddRange([0, 0, (byte)says.Length, 0]);
        var next = 20 + (says.Length * 12);
        for (var i = 0; i < texts.Count; i += 2)
        {
            locator.AddRange([.. BitConverter.GetBytes(next), .. BitConverter.GetBytes(next + texts[i].Length)]);
            locator.AddRange(
                [.. BitConverter.GetBytes((ushort)texts[i].Length), .. BitConverter.GetBytes((ushort)texts[i + 1].Length)]);
            next += texts[i].Length + texts[i + 1].Length;
        }

        locator.AddRange(texts.SelectMany(text => text));
        image.Write(Items + At, locator.ToArray());
        byte[] place = [.. BitConverter.GetBytes((int)(Items - Metadata) + At), .. BitConverter
            .GetBytes(locator.Count), 4, 0, 0, 0];
        image.Write(Metadata + 32 + (5 * 32), new Guid("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C").ToByteArray());
        image.Write(Metadata + 32 + (5 * 32) + 16, place);
    }

    public static void SetEntry(MemoryImage image, long index, ulong entry) =>
        image.Write(Table + (index * 8), BitConverter.GetBytes(entry));

    public static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var state = uint.MaxValue;
        foreach (var b in bytes)
            state = BitOperations.Crc32C(state, b);
        return ~state;
    }

    /// <summary>What QEMU reads of an image, after it has replayed the log.</summary>
    public static async Task<byte[]> ReadByQemuAsync(MemoryImage image, string folder)
    {
        await Qemu.SaveAsync(image, Path.Combine(folder, "image.vhdx"));
        var (checkCode, found) = Qemu.Run(folder, "qemu-img", "check", "-r", "all", "-f", "vhdx", "image.vhdx");
        Assert.True(checkCode == 0, found);
        var (exitCode, output) = Qemu.Run(folder, "qemu-img", "convert", "-f", "vhdx", "-O", "raw", "image.vhdx", "image.raw");
        Assert.True(exitCode == 0, output);
        return await File.ReadAllBytesAsync(Path.Combine(folder, "image.raw"));
    }

    private static (string Name, object Value)[] Complete(long size, (string Name, object Value)[] options) =>
        [.. new (string Name, object Value)[] { ("size", size), ("block-size", Block) }.Where(
            own => options.All(given => given.Name != own.Name)), .. options];
}
