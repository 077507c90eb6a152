// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qed;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The qed driver on images that it made itself, with small clusters.</summary>
internal static class QedSubjects
{
    private const int Length = (60 * 4096) + 512;
    private const int BackingLength = 100_864;

    public static BlockDriverSubject Make(string name, int tableSize, bool backing)
    {
        var driver = PluginContents.Of(new QedPlugin()).Driver("qed");
        return new()
        {
            Name = $"qed, {name}",
            Driver = driver,
            // It grows only.
            Resizable = false,
            CreateImage = async token => await CreateAsync(driver, tableSize, backing, token),
        };
    }

    private static async Task<SubjectImage> CreateAsync(
        BlockDriver driver, int tableSize, bool backing, CancellationToken cancellationToken)
    {
        var storage = new MemoryImage();
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = new MemoryChild(storage);
        Assert.True(driver.TryGetFacet<IImageCreator>(out var creator));
        var options = new Dictionary<string, object>
        {
            ["file"] = "file",
            ["size"] = Length,
            ["cluster-size"] = 4096,
            ["table-size"] = tableSize,
        };
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
            Length = Length,
            Content = content,
            Children = children,
        };
    }
}
