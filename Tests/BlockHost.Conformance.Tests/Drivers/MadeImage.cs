// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>An image that its driver made itself, over a shorter backing file where there is one.</summary>
internal static class MadeImage
{
    private const int BackingLength = 100_864;

    /// <param name="options">Of the image, without file and size.</param>
    public static async Task<SubjectImage> CreateAsync(
        BlockDriver driver, int length, bool backing, Dictionary<string, object> options, CancellationToken cancellationToken)
    {
        var storage = new MemoryImage();
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = new MemoryChild(storage);
        Assert.True(driver.TryGetFacet<IImageCreator>(out var creator));
        var all = new Dictionary<string, object>(options) { ["file"] = "file", ["size"] = length };
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(all), cancellationToken);
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
