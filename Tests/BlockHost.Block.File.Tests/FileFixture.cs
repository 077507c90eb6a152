// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins;
using BlockHost.Plugins.Block.File;
using BlockHost.Plugins.Block.File.Devices;
using Moq;

namespace BlockHost.Block.File.Tests;

/// <summary>A temporary folder, and nodes of the real drivers on files in it, driven without a host.</summary>
public sealed class FileFixture : IDisposable
{
    private readonly Dictionary<string, BlockDriver> _drivers = [];
    private readonly FilePlugin _plugin;

    public FileFixture()
        : this(new FilePlugin())
    {
    }

    internal FileFixture(IDeviceLayer devices)
        : this(new FilePlugin(devices))
    {
    }

    private FileFixture(FilePlugin plugin)
    {
        _plugin = plugin;
        var registry = new Mock<IPluginRegistry>();
        registry.Setup(r => r.Add(It.IsAny<BlockDriver>())).Callback((IProvided d) => _drivers.Add(d.Name, (BlockDriver)d));
        _plugin.Register(registry.Object);
        Folder = Directory.CreateTempSubdirectory("blockhost-file-").FullName;
    }

    public string Folder { get; }

    public BlockDriver Driver(string name = "file") => _drivers[name];

    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>A sparse file.</summary>
    public string CreateFile(long length, string name = "disk.img")
    {
        using var file = System.IO.File.Create(PathOf(name));
        file.SetLength(length);
        return file.Name;
    }

    /// <summary>A file with the pattern of <see cref="Pattern"/>.</summary>
    public string CreateData(int length, string name = "disk.img")
    {
        System.IO.File.WriteAllBytes(PathOf(name), Pattern(length));
        return PathOf(name);
    }

    public static byte[] Pattern(int length, int seed = 1)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public ValueTask<BlockNode> OpenAsync(
        string path, string? options = null, string driver = "file", Action<NodeFlags>? flags = null)
    {
        var json = "{\"filename\":" + JsonSerializer.Serialize(path) + (options is null ? "" : "," + options) + "}";
        return Driver(driver).OpenAsync(Context(flags), JsonDocument.Parse(json).RootElement, default);
    }

    public async Task CreateImageAsync(string json, string driver = "file") =>
        await ((IImageCreator)Driver(driver)).CreateAsync(
            Mock.Of<IImageCreateContext>(context => context.Host == Host()), JsonDocument.Parse(json).RootElement, default);

    private static IPluginHost Host() => Mock.Of<IPluginHost>(host => host.Clock == new FakeClock());

    public static IBlockNodeContext Context(Action<NodeFlags>? change = null)
    {
        var flags = new NodeFlags();
        change?.Invoke(flags);
        var context = new Mock<IBlockNodeContext>();
        context.SetupGet(c => c.NodeName).Returns("node0");
        context.SetupGet(c => c.Host).Returns(Host());
        context.SetupGet(c => c.ReadOnly).Returns(flags.ReadOnly);
        context.SetupGet(c => c.AutoReadOnly).Returns(flags.AutoReadOnly);
        context.SetupGet(c => c.CacheDirect).Returns(flags.Direct);
        context.SetupGet(c => c.CacheNoFlush).Returns(flags.NoFlush);
        context.SetupGet(c => c.DiscardUnmap).Returns(flags.Unmap);
        context.Setup(c => c.FallBackToReadOnly(It.IsAny<string>())).Callback((string reason) => flags.FallenBack(reason));
        return context.Object;
    }

    public void Dispose()
    {
        _plugin.StopAsync(default).AsTask().Wait();
        Directory.Delete(Folder, recursive: true);
    }
}

public sealed class NodeFlags
{
    public bool ReadOnly { get; set; }

    public bool AutoReadOnly { get; set; }

    public bool Direct { get; set; }

    public bool NoFlush { get; set; }

    public bool Unmap { get; set; } = true;

    public Action<string> FallenBack { get; set; } = _ => { };
}
