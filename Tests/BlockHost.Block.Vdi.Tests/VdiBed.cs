// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vdi;

namespace BlockHost.Block.Vdi.Tests;

/// <summary>The driver on images in memory, and QEMU's tools.</summary>
internal static class VdiBed
{
    public const int Block = 1 << 20;

    public static BlockDriver Driver { get; } = PluginContents.Of(new VdiPlugin()).Driver("vdi");

    public static async Task CreateAsync(IBlockChild storage, long size, string preallocation = "off")
    {
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = storage;
        Assert.True(Driver.TryGetFacet<IImageCreator>(out var creator));
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(new { file = "file", size, preallocation }), default);
    }

    public static async Task<MemoryImage> CreateAsync(long size, string preallocation = "off")
    {
        var image = new MemoryImage();
        await CreateAsync(new MemoryChild(image), size, preallocation);
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
        await SaveAsync(image, Path.Combine(folder, "image.vdi"));
        var (exitCode, output) = Run(folder, "qemu-img", "convert", "-f", "vdi", "-O", "raw", "image.vdi", "image.raw");
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
