// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Parallels;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>
/// The parallels driver on images that it made itself, with clusters of which QEMU says that older versions used them, and
/// others.
/// </summary>
internal static class ParallelsSubjects
{
    private const int BackingLength = 100_864;

    public static BlockDriverSubject Make(string name, int clusterSize, bool backing)
    {
        var driver = PluginContents.Of(new ParallelsPlugin()).Driver("parallels");
        return new()
        {
            Name = $"parallels, {name}",
            Driver = driver,
            Resizable = !backing,
            RepairFirst = true,
            CreateImage = async token => await CreateAsync(driver, clusterSize, backing, token),
        };
    }

    private static async Task<SubjectImage> CreateAsync(
        BlockDriver driver, int clusterSize, bool backing, CancellationToken cancellationToken)
    {
        var length = (6 * clusterSize) + 512;
        var storage = new MemoryImage();
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = new MemoryChild(storage);
        Assert.True(driver.TryGetFacet<IImageCreator>(out var creator));
        var options = new Dictionary<string, object> { ["file"] = "file", ["size"] = length, ["cluster-size"] = clusterSize };
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(options), cancellationToken);
        var children = new Dictionary<string, SubjectChild> { ["file"] = new(storage) };
        var content = new byte[backing ? BackingLength : 0];
        if (backing)
        {
            new Random(1).NextBytes(content);
            children["backing"] = new SubjectChild(new MemoryImage(content), BlockChildRole.Backing, ReadOnly: true);
        }

        return new SubjectImage
        {
            Options = JsonDocument.Parse(backing ? """{"file":"file","backing":"backing"}""" : """{"file":"file"}""").RootElement,
            Length = length,
            Content = content,
            Children = children,
        };
    }
}
