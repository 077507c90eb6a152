// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qcow2;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>An image in memory with a node on it.</summary>
internal sealed class TestDisk : IAsyncDisposable
{
    private TestDisk(MemoryImage storage, IBlockChild file, TestNodeContext context, TestPluginHost host, BlockNode node)
    {
        Storage = storage;
        File = file;
        Context = context;
        Host = host;
        Node = node;
    }

    public MemoryImage Storage { get; }
    public IBlockChild File { get; }
    public TestNodeContext Context { get; }
    public TestPluginHost Host { get; }
    public BlockNode Node { get; }
    public long Length => Node.Profile.Length;

    public static async Task<MemoryImage> CreateAsync(
        long size, string options = "{}", MemoryImage? storage = null, IBlockChild? dataFile = null)
    {
        storage ??= new MemoryImage();
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = new MemoryChild(storage);
        var json = (JsonObject)JsonNode.Parse(options)!;
        json["file"] = "file";
        json["size"] = size;
        if (dataFile is not null)
        {
            context.Storage["data-file"] = dataFile;
            json["data-file"] = "data-file";
        }
        await Creator.CreateAsync(context, JsonSerializer.SerializeToElement(json), default);
        return storage;
    }

    public static IImageCreator Creator =>
        new Qcow2Driver().TryGetFacet<IImageCreator>(out var creator) ? creator : throw new InvalidOperationException();

    public static async Task<TestDisk> OpenAsync(
        MemoryImage storage, bool readOnly = false, IBlockChild? backing = null, string options = "{}", Func<IBlockChild, IBlockChild>? wrap = null,
        TimeProvider? clock = null, bool forRepair = false, IBlockChild? dataFile = null)
    {
        var host = new TestPluginHost
        {
            Clock = clock ?? TimeProvider.System,
            Buffers = new TrackingBufferPool { Recycle = true },
        };
        var context = new TestNodeContext(host) { ReadOnly = readOnly, ForRepair = forRepair };
        var child = new MemoryChild(storage) { ReadOnly = readOnly };
        var file = wrap?.Invoke(child) ?? child;
        context.Children["file"] = file;
        if (backing is not null) context.Children["backing"] = backing;
        if (dataFile is not null) context.Children["data-file"] = dataFile;
        var json = (JsonObject)JsonNode.Parse(options)!;
        json["file"] = "file";
        if (!json.ContainsKey("backing")) json["backing"] = backing is null ? null : "backing";
        var node = await new Qcow2Driver().OpenAsync(context, JsonSerializer.SerializeToElement(json), default);
        context.Sealed = true;
        return new TestDisk(storage, file, context, host, node);
    }

    public static async Task<TestDisk> NewAsync(long size, string create = "{}", string open = "{}") =>
        await OpenAsync(await CreateAsync(size, create), options: open);

    public async Task<byte[]> ReadAsync(long offset, int bytes)
    {
        var data = new byte[bytes];
        data.AsSpan().Fill(0xEE);
        await Node.ReadAsync(offset, data, ReadFlags.None, default);
        return data;
    }

    public ValueTask WriteAsync(long offset, byte[] data) => Node.WriteAsync(offset, data, WriteFlags.None, default);

    public ValueTask WriteAsync(long offset, int bytes, byte pattern) => WriteAsync(offset, Filled(bytes, pattern));

    public ValueTask FlushAsync() => Node.FlushAsync(default);

    public T Facet<T>()
        where T : class =>
            Node.TryGetFacet<T>(out var facet) ? facet : throw new InvalidOperationException($"no {typeof(T).Name}");

    public async Task<ImageCheckResult> CheckAsync(CheckRepair repair = CheckRepair.None) =>
        await Facet<IImageCheck>().CheckAsync(repair, default);

    public async Task AssertSoundAsync()
    {
        var result = await CheckAsync();
        Assert.True(result is { Corruptions: 0, Leaks: 0, CheckErrors: 0 }, string.Join('\n', result.Messages));
    }

    public async ValueTask DisposeAsync()
    {
        await Node.DisposeAsync();
        Assert.Equal(0, Host.Buffers.Outstanding);
        Assert.Equal(0, Host.Buffers.DoubleReturns);
    }

    public static byte[] Filled(int bytes, byte pattern)
    {
        var data = new byte[bytes];
        data.AsSpan().Fill(pattern);
        return data;
    }
}
