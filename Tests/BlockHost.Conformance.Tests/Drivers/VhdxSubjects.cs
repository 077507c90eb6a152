// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vhdx;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The vhdx driver on images that it made itself, with the smallest blocks there are.</summary>
internal static class VhdxSubjects
{
    private const int BlockSize = 1 << 20;
    private const int Length = (2 * BlockSize) + 512;
    private const int BackingLength = 100_864;
    private const long Metadata = 3 << 20;
    private const int Items = 64 << 10;

    public static BlockDriverSubject Make(string kind)
    {
        var driver = PluginContents.Of(new VhdxPlugin()).Driver("vhdx");
        return new()
        {
            Name = $"vhdx, {kind}",
            Driver = driver,
            Resizable = kind != "differencing",
            CreateImage = async token => await CreateAsync(driver, kind, token),
        };
    }

    private static async Task<SubjectImage> CreateAsync(BlockDriver driver, string kind, CancellationToken cancellationToken)
    {
        var storage = new MemoryImage();
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = new MemoryChild(storage);
        Assert.True(driver.TryGetFacet<IImageCreator>(out var creator));
        var isDifferencing = kind == "differencing";
        var options = new Dictionary<string, object>
        {
            ["file"] = "file",
            ["size"] = Length,
            ["block-size"] = BlockSize,
            ["subformat"] = kind == "fixed" ? kind : "dynamic",
            ["block-state-zero"] = !isDifferencing,
        };
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(options), cancellationToken);
        var content = new byte[isDifferencing ? BackingLength : 0];
        new Random(1).NextBytes(content);
        var children = new Dictionary<string, SubjectChild> { ["file"] = new(storage) };
        if (isDifferencing)
        {
            GiveParent(storage);
            children["backing"] = new SubjectChild(new MemoryImage(content), BlockChildRole.Backing, ReadOnly: true);
        }

        return new SubjectImage
        {
            Options = JsonDocument.Parse(
                isDifferencing ? """{"file":"file","backing":"backing"}""" : """{"file":"file"}""").RootElement,
            Length = Length,
            Content = content,
            Children = children,
        };
    }

    /// <summary>The flag that there is a parent, and a sixth item of metadata that says nothing of it.</summary>
    private static void GiveParent(MemoryImage image)
    {
        const int Locator = Items + 4096;
        image.Write(Metadata + Items + 4, new byte[] { 2 });
        image.Write(Metadata + 10, new byte[] { 6 });
        byte[] entry = [.. new Guid("A8D35F2D-B30B-454D-ABF7-D3D84834AB0C").ToByteArray(), .. BitConverter
            .GetBytes(Locator), 20, 0, 0, 0, 4, 0, 0, 0];
        image.Write(Metadata + 32 + (5 * 32), entry);
        image.Write(Metadata + Locator, new Guid("B04AEFB7-D19E-4A81-B789-25B8E9445913").ToByteArray());
    }
}
