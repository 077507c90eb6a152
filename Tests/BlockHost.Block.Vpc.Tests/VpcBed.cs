// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vpc;

namespace BlockHost.Block.Vpc.Tests;

/// <summary>The driver on images in memory, and QEMU's tools.</summary>
internal static class VpcBed
{
    public const int Block = 2 << 20;

    public static BlockDriver Driver { get; } = PluginContents.Of(new VpcPlugin()).Driver("vpc");

    public static async Task CreateAsync(IBlockChild storage, long size, string subformat = "dynamic")
    {
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = storage;
        Assert.True(Driver.TryGetFacet<IImageCreator>(out var creator));
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(new Dictionary<string, object> { ["file"] = "file", ["size"] = size, ["subformat"] = subformat, ["force-size"] = true }), default);
    }

    public static async Task<MemoryImage> CreateAsync(long size, string subformat = "dynamic")
    {
        var image = new MemoryImage();
        await CreateAsync(new MemoryChild(image), size, subformat);
        return image;
    }

    public static async Task<BlockNode> OpenAsync(
        MemoryImage image, bool readOnly = false, IBlockChild? backing = null, Func<IBlockChild, IBlockChild>? wrap = null)
    {
        var context = new TestNodeContext(new TestPluginHost()) { ReadOnly = readOnly, DiscardUnmap = true };
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

    public static async Task ResizeAsync(BlockNode node, long length)
    {
        Assert.True(node.TryGetFacet<IResizable>(out var facet));
        await facet.ResizeAsync(length, default, default);
    }

    /// <summary>Sets numbers of a structure, and its checksum.</summary>
    public static void Set(MemoryImage image, long offset, int size, int checksumAt, params (int At, int Value)[] numbers)
    {
        var bytes = image.Read(offset, size);
        foreach (var (at, value) in numbers)
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at), value);
        bytes.AsSpan(checksumAt, 4).Clear();
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(checksumAt), ~bytes.Sum(b => b));
        image.Write(offset, bytes);
    }

    public static bool HasQemu => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "qemu-img")));

    public static async Task SaveAsync(MemoryImage image, string path)
    {
        await using var file = File.Create(path);
        for (long offset = 0; offset < image.Length; offset += Block)
            await file.WriteAsync(image.Read(offset, (int)Math.Min(Block, image.Length - offset)));
    }

    public static bool Same(byte[] expected, byte[] actual) => expected.AsSpan().SequenceEqual(actual);

    /// <summary>What QEMU reads of an image.</summary>
    public static async Task<byte[]> ReadByQemuAsync(MemoryImage image, string folder)
    {
        await SaveAsync(image, Path.Combine(folder, "image.vpc"));
        var (exitCode, output) = Run(folder, "qemu-img", "convert", "-f", "vpc", "-O", "raw", "image.vpc", "image.raw");
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
