// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vmdk;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The vmdk driver on images that it made itself.</summary>
internal static class VmdkSubjects
{
    private const int Length = (320 * 1024) + 4096;
    private const string Extent = "extents.0";

    public static BlockDriverSubject Make(string name, string createOptions)
    {
        var driver = PluginContents.Of(new VmdkPlugin()).Driver("vmdk");
        return new()
        {
            Name = $"vmdk, {name}",
            Driver = driver,
            Resizable = false,
            AllocationBudget = 4096,
            CreateImage = async token => await CreateAsync(driver, createOptions, token),
        };
    }

    private static async Task<SubjectImage> CreateAsync(
        BlockDriver driver, string createOptions, CancellationToken cancellationToken)
    {
        Assert.True(driver.TryGetFacet<IImageCreator>(out var creator));
        var options = (JsonObject)JsonNode.Parse(createOptions)!;
        (options["file"], options["size"]) = ("file", Length);
        var images = new Dictionary<string, MemoryImage> { ["file"] = new() };
        if (creator.PlanFiles("disk.vmdk", JsonSerializer.SerializeToElement(options)).Count > 0)
        {
            images.Add(Extent, new MemoryImage());
            options["extents"] = new JsonArray(Extent);
        }

        var context = new TestImageCreateContext(new TestPluginHost());
        foreach (var (name, image) in images)
            context.Storage[name] = new MemoryChild(image, name);
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(options), cancellationToken);
        return new SubjectImage
        {
            Options = JsonDocument.Parse("""{"file":"file"}""").RootElement,
            Length = Length,
            Children = images.ToDictionary(image => image.Key, image => new SubjectChild(image.Value)),
        };
    }
}
