// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;

namespace BlockHost.Formats.Testing;

/// <summary>A format's driver on images in memory.</summary>
public sealed class FormatBed(Plugin plugin, string format)
{
    public string Format => format;

    public BlockDriver Driver { get; } = PluginContents.Of(plugin).Driver(format);

    /// <param name="options">Of the image, without its file.</param>
    public async Task CreateAsync(IBlockChild storage, params (string Name, object Value)[] options)
    {
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = storage;
        Assert.True(Driver.TryGetFacet<IImageCreator>(out var creator));
        var all = options.Append(("file", "file")).ToDictionary(option => option.Item1, option => option.Item2);
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(all), default);
    }

    public async Task<MemoryImage> CreateAsync(params (string Name, object Value)[] options)
    {
        var image = new MemoryImage();
        await CreateAsync(new MemoryChild(image), options);
        return image;
    }

    public async Task<BlockNode> OpenAsync(
        MemoryImage image,
        bool readOnly = false,
        IBlockChild? backing = null,
        Func<IBlockChild, IBlockChild>? wrap = null,
        bool forRepair = false,
        bool noIo = false,
        TestPluginHost? host = null)
    {
        var context = new TestNodeContext(host ?? new TestPluginHost())
        { ReadOnly = readOnly, DiscardUnmap = true, ForRepair = forRepair, NoIo = noIo };
        var child = new MemoryChild(image) { ReadOnly = readOnly };
        context.Children["file"] = wrap?.Invoke(child) ?? child;
        if (backing is not null)
            context.Children["backing"] = backing;
        var options = backing is null ? """{"file":"file"}""" : """{"file":"file","backing":"backing"}""";
        return await Driver.OpenAsync(context, JsonDocument.Parse(options).RootElement, default);
    }

    /// <summary>What QEMU reads of an image.</summary>
    public async Task<byte[]> ReadByQemuAsync(MemoryImage image, string folder)
    {
        await Qemu.SaveAsync(image, Path.Combine(folder, "image"));
        var (exitCode, output) = Qemu.Run(folder, "qemu-img", "convert", "-f", format, "-O", "raw", "image", "image.raw");
        Assert.True(exitCode == 0, output);
        return await File.ReadAllBytesAsync(Path.Combine(folder, "image.raw"));
    }
}
