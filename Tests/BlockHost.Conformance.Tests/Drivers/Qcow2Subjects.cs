// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qcow2;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The qcow2 driver on images that it made itself.</summary>
internal static class Qcow2Subjects
{
    private const int Length = (2 * 1024 * 1024) + 4096;
    private const int BackingLength = 1_000_448;

    /// <param name="dataFile">Guest data lies in a file of its own.</param>
    public static BlockDriverSubject Make(
        string name, string createOptions, bool backing, string openOptions, bool dataFile = false)
    {
        var driver = PluginContents.Of(new Qcow2Plugin()).Driver("qcow2");
        return new()
        {
            Name = name,
            Driver = driver,
            CreateImage = async token => await CreateAsync(driver, createOptions, backing, dataFile, openOptions, token),
        };
    }

    private static async Task<SubjectImage> CreateAsync(
        BlockDriver driver,
        string createOptions,
        bool backing,
        bool dataFile,
        string openOptions,
        CancellationToken cancellationToken)
    {
        var storage = new MemoryImage();
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = new MemoryChild(storage);
        var create = With(createOptions, ("file", "file"), ("size", Length));
        var data = new MemoryImage();
        if (dataFile)
        {
            context.Storage["data-file"] = new MemoryChild(data);
            create = With(create.ToString(), ("data-file", "data-file"));
        }

        Assert.True(driver.TryGetFacet<IImageCreator>(out var creator));
        await creator.CreateAsync(context, create, cancellationToken);

        var children = new Dictionary<string, SubjectChild> { ["file"] = new(storage) };
        var content = new byte[backing ? BackingLength : 0];
        if (backing)
        {
            new Random(1).NextBytes(content);
            children["backing"] = new SubjectChild(new MemoryImage(content), BlockChildRole.Backing, ReadOnly: true);
        }

        if (dataFile)
        {
            children["data-file"] = new SubjectChild(data, BlockChildRole.Data);
            openOptions = With(openOptions, ("data-file", "data-file")).ToString();
        }

        return new SubjectImage
        {
            Options = With(openOptions, ("file", "file"), ("backing", backing ? "backing" : null)),
            Length = Length,
            Content = content,
            Children = children,
        };
    }

    private static JsonElement With(string json, params (string Name, JsonNode? Value)[] members)
    {
        var node = (JsonObject)JsonNode.Parse(json)!;
        foreach (var (name, value) in members)
            node[name] = value;
        return JsonSerializer.SerializeToElement(node);
    }
}
