// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Diagnostics;
using System.Numerics;
using System.Text;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
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

    public static BlockDriver Driver { get; } = PluginContents.Of(new VhdxPlugin()).Driver("vhdx");

    public static async Task CreateAsync(IBlockChild storage, long size, params (string Name, object Value)[] options)
    {
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = storage;
        Assert.True(Driver.TryGetFacet<IImageCreator>(out var creator));
        var given = new Dictionary<string, object> { ["file"] = "file", ["size"] = size, ["block-size"] = Block };
        foreach (var (name, value) in options)
            given[name] = value;
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(given), default);
    }

    /// <summary>An image with blocks of 1 MiB.</summary>
    public static async Task<MemoryImage> CreateAsync(long size, params (string Name, object Value)[] options)
    {
        var image = new MemoryImage();
        await CreateAsync(new MemoryChild(image), size, options);
        return image;
    }

    public static async Task<BlockNode> OpenAsync(
        MemoryImage image,
        bool readOnly = false,
        bool forRepair = false,
        bool noIo = false,
        IBlockChild? backing = null,
        Func<IBlockChild, IBlockChild>? wrap = null)
    {
        var context = new TestNodeContext(new TestPluginHost()) { ReadOnly = readOnly, ForRepair = forRepair, NoIo = noIo };
        var child = new MemoryChild(image) { ReadOnly = readOnly };
        context.Children["file"] = wrap?.Invoke(child) ?? child;
        if (backing is not null)
            context.Children["backing"] = backing;
        var options = backing is null ? """{"file":"file"}""" : """{"file":"file","backing":"backing"}""";
        return await Driver.OpenAsync(context, JsonDocument.Parse(options).RootElement, default);
    }

    public static async Task<byte[]> ReadAllAsync(BlockNode node)
    {
        var bytes = new byte[node.Profile.Length];
        await node.ReadAsync(0, bytes, ReadFlags.None, default);
        return bytes;
    }

    public static ValueTask WriteAsync(BlockNode node, long offset, int bytes, byte pattern)
    {
        var data = new byte[bytes];
        data.AsSpan().Fill(pattern);
        return node.WriteAsync(offset, data, WriteFlags.None, default);
    }

    public static async Task<ImageCheckResult> CheckAsync(BlockNode node, CheckRepair repair = CheckRepair.None)
    {
        Assert.True(node.TryGetFacet<IImageCheck>(out var facet));
        return await facet.CheckAsync(repair, default);
    }

    public static async Task ResizeAsync(BlockNode node, long length)
    {
        Assert.True(node.TryGetFacet<IResizable>(out var facet));
        await facet.ResizeAsync(length, default, default);
    }

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
            locator.AddRange([.. BitConverter.GetBytes((ushort)texts[i].Length), .. BitConverter.GetBytes((ushort)texts[i + 1].Length)]);
            next += texts[i].Length + texts[i + 1].Length;
        }

        locator.AddRange(texts.SelectMany(text => text));
        image.Write(Items + At, locator.ToArray());
        byte[] place = [.. BitConverter.GetBytes((int)(Items - Metadata) + At), .. BitConverter.GetBytes(locator.Count), 4, 0, 0, 0];
        image.Write(Metadata + 32 + (5 * 32), new Guid("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C").ToByteArray());
        image.Write(Metadata + 32 + (5 * 32) + 16, place);
    }

    public static void SetEntry(MemoryImage image, long index, ulong entry) => image.Write(Table + (index * 8), BitConverter.GetBytes(entry));

    public static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var state = uint.MaxValue;
        foreach (var b in bytes)
            state = BitOperations.Crc32C(state, b);
        return ~state;
    }

    public static bool HasQemu => Has("qemu-img");

    public static bool Has(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));

    public static async Task SaveAsync(MemoryImage image, string path)
    {
        await using var file = File.Create(path);
        for (long offset = 0; offset < image.Length; offset += Block)
            await file.WriteAsync(image.Read(offset, (int)Math.Min(Block, image.Length - offset)));
    }

    public static bool Same(byte[] expected, byte[] actual) => expected.AsSpan().SequenceEqual(actual);

    /// <summary>What QEMU reads of an image, after it has replayed the log.</summary>
    public static async Task<byte[]> ReadByQemuAsync(MemoryImage image, string folder)
    {
        await SaveAsync(image, Path.Combine(folder, "image.vhdx"));
        var (checkCode, found) = Run(folder, "qemu-img", "check", "-r", "all", "-f", "vhdx", "image.vhdx");
        Assert.True(checkCode == 0, found);
        var (exitCode, output) = Run(folder, "qemu-img", "convert", "-f", "vhdx", "-O", "raw", "image.vhdx", "image.raw");
        Assert.True(exitCode == 0, output);
        return await File.ReadAllBytesAsync(Path.Combine(folder, "image.raw"));
    }

    /// <summary>Runs a tool in a folder. Returns its exit code, and what it printed.</summary>
    public static (int ExitCode, string Output) Run(string folder, string program, params string[] args)
    {
        var start = new ProcessStartInfo(program) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var arg in args)
            start.ArgumentList.Add(arg);
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + error.Result;
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
