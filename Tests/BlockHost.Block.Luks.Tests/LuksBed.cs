// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Objects;
using BlockHost.Plugins.Block.Luks;

namespace BlockHost.Block.Luks.Tests;

/// <summary>The driver on images in memory, with secrets named as they read.</summary>
internal static class LuksBed
{
    public static BlockDriver Driver { get; } = PluginContents.Of(new LuksPlugin()).Driver("luks");

    /// <summary>Small key material, and passwords that take no time.</summary>
    public static async Task<MemoryImage> CreateAsync(
        long size = 1 << 20, string secret = "first", string algorithm = "aes-128", string mode = "cbc")
    {
        var image = new MemoryImage();
        await CreateAsync(new MemoryChild(image), new Dictionary<string, object?>
        {
            ["file"] = "file",
            ["size"] = size,
            ["key-secret"] = secret,
            ["cipher-alg"] = algorithm,
            ["cipher-mode"] = mode,
            ["iter-time"] = 0,
        });
        return image;
    }

    public static async Task CreateAsync(
        IBlockChild storage, Dictionary<string, object?> options, IBlockChild? header = null)
    {
        var context = new TestImageCreateContext(Host());
        context.Storage["file"] = storage;
        if (header is not null)
            context.Storage["header"] = header;
        Assert.True(Driver.TryGetFacet<IImageCreator>(out var creator));
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(options), default);
    }

    public static async Task<BlockNode> OpenAsync(
        MemoryImage image,
        string? secret = "first",
        bool readOnly = false,
        bool noIo = false,
        Func<IBlockChild, IBlockChild>? wrap = null,
        MemoryImage? header = null)
    {
        var context = new TestNodeContext(Host()) { ReadOnly = readOnly, NoIo = noIo };
        var child = new MemoryChild(image) { ReadOnly = readOnly };
        context.Children["file"] = wrap?.Invoke(child) ?? child;
        var options = new Dictionary<string, string> { ["file"] = "file" };
        if (secret is not null)
            options["key-secret"] = secret;
        if (header is not null)
            (context.Children["header"], options["header"]) = (new MemoryChild(header), "header");
        return await Driver.OpenAsync(context, JsonSerializer.SerializeToElement(options), default);
    }

    public static async Task AmendAsync(BlockNode node, object options, bool force = false)
    {
        Assert.True(node.TryGetFacet<IImageAmend>(out var amend));
        await amend.AmendAsync(JsonSerializer.SerializeToElement(options), force, progress: null, default);
    }

    public static async Task<string> RefusalAsync(Func<Task> action) =>
        (await Assert.ThrowsAsync<BlockException>(action)).Message;

    private static TestPluginHost Host()
    {
        var host = new TestPluginHost();
        foreach (var name in new[] { "first", "second", "third" })
            host.Objects.Add(name, new Password(name));
        host.Objects.Add("other", new object());
        return host;
    }

    private sealed class Password(string text) : ISecret
    {
        public ReadOnlyMemory<byte> Data { get; } = System.Text.Encoding.UTF8.GetBytes(text);
    }
}
