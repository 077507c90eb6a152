// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Objects;
using BlockHost.Plugins;

namespace BlockHost.Formats.Testing;

/// <summary>A format's driver on images in memory.</summary>
public sealed class FormatBed(Plugin plugin, string format)
{
    /// <summary>The password of images that are encrypted.</summary>
    public const string Password = "abc";

    private const string SecretId = "s";

    public string Format => format;

    /// <summary>The option that names an encrypted image's secret, such as "encrypt.key-secret"; null: none is.</summary>
    public string? SecretOption { get; init; }

    public BlockDriver Driver { get; } = PluginContents.Of(plugin).Driver(format);

    /// <param name="options">Of the image, without its file.</param>
    public async Task CreateAsync(IBlockChild storage, params (string Name, object Value)[] options)
    {
        var context = new TestImageCreateContext(WithSecret(new TestPluginHost()));
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
        var context = new TestNodeContext(WithSecret(host ?? new TestPluginHost()))
        { ReadOnly = readOnly, DiscardUnmap = true, ForRepair = forRepair, NoIo = noIo };
        var child = new MemoryChild(image) { ReadOnly = readOnly };
        context.Children["file"] = wrap?.Invoke(child) ?? child;
        if (backing is not null)
            context.Children["backing"] = backing;
        var options = new JsonObject { ["file"] = "file" };
        if (backing is not null)
            options["backing"] = "backing";
        if (SecretOption?.Split('.') is { } path)
            options[path[0]] = path.Length == 1 ? SecretId : new JsonObject { [path[1]] = SecretId };
        return await Driver.OpenAsync(context, Driver.Modernise(JsonSerializer.SerializeToElement(options)), default);
    }

    /// <summary>How QEMU's tools are told of an image's file.</summary>
    public string[] QemuArgs(string file) => SecretOption is null
        ? ["-f", format, file]
        :
        [
            "--object", $"secret,id={SecretId},data={Password}",
            "--image-opts", $"driver={format},{SecretOption}={SecretId},file.filename={file}",
        ];

    /// <summary>What QEMU reads of an image.</summary>
    public async Task<byte[]> ReadByQemuAsync(MemoryImage image, string folder)
    {
        await Qemu.SaveAsync(image, Path.Combine(folder, "image"));
        var (exitCode, output) = Qemu.Run(folder, "qemu-img", ["convert", "-O", "raw", .. QemuArgs("image"), "image.raw"]);
        Assert.True(exitCode == 0, output);
        return await File.ReadAllBytesAsync(Path.Combine(folder, "image.raw"));
    }

    private TestPluginHost WithSecret(TestPluginHost host)
    {
        if (SecretOption is not null)
            host.Objects.Add(SecretId, new TestSecret(Password));
        return host;
    }

    private sealed class TestSecret(string text) : ISecret
    {
        public ReadOnlyMemory<byte> Data { get; } = Encoding.UTF8.GetBytes(text);
    }
}
