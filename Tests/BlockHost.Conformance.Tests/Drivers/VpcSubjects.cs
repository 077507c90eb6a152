// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vpc;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The vpc driver on images that it made itself, with small blocks.</summary>
internal static class VpcSubjects
{
    private const int Length = (5 * BlockSize) + 512;
    private const int BlockSize = 32 << 10;
    private const int BackingLength = 100_864;
    private const int Differencing = 4;

    public static BlockDriverSubject Make(string kind)
    {
        var driver = PluginContents.Of(new VpcPlugin()).Driver("vpc");
        return new()
        {
            Name = $"vpc, {kind}",
            Driver = driver,
            Resizable = kind != "differencing",
            CreateImage = async token => kind == "fixed"
                ? Subject(await CreateAsync(driver, kind, Length, token), [])
                : await CreateSmallAsync(driver, kind == "differencing", token),
        };
    }

    private static async Task<MemoryImage> CreateAsync(
        BlockDriver driver, string subformat, long size, CancellationToken cancellationToken)
    {
        var storage = new MemoryImage();
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = new MemoryChild(storage);
        Assert.True(driver.TryGetFacet<IImageCreator>(out var creator));
        var options = new Dictionary<string, object>
        {
            ["file"] = "file",
            ["size"] = size,
            ["subformat"] = subformat,
            ["force-size"] = true,
        };
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(options), cancellationToken);
        return storage;
    }

    /// <summary>As many blocks of 2 MiB as there will be; the headers then say that they are smaller.</summary>
    private static async Task<SubjectImage> CreateSmallAsync(
        BlockDriver driver, bool differencing, CancellationToken cancellationToken)
    {
        var image = await CreateAsync(driver, "dynamic", 11 << 20, cancellationToken);
        Set(image, 512, 1024, 36, (32, BlockSize));
        foreach (var footer in new[] { 0, image.Length - 512 })
            Set(image, footer, 512, 64, (44, Length), (52, Length), (60, differencing ? Differencing : 3));
        var content = new byte[differencing ? BackingLength : 0];
        new Random(1).NextBytes(content);
        return Subject(image, content);
    }

    private static SubjectImage Subject(MemoryImage image, byte[] content)
    {
        var children = new Dictionary<string, SubjectChild> { ["file"] = new(image) };
        if (content.Length > 0)
            children["backing"] = new SubjectChild(new MemoryImage(content), BlockChildRole.Backing, ReadOnly: true);
        return new SubjectImage
        {
            Options = JsonDocument.Parse(
                content.Length > 0 ? """{"file":"file","backing":"backing"}""" : """{"file":"file"}""").RootElement,
            Length = Length,
            Content = content,
            Children = children,
        };
    }

    /// <summary>Sets numbers of a structure, and its checksum.</summary>
    private static void Set(MemoryImage image, long offset, int size, int checksumAt, params (int At, int Value)[] numbers)
    {
        var bytes = image.Read(offset, size);
        foreach (var (at, value) in numbers)
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at), value);
        bytes.AsSpan(checksumAt, 4).Clear();
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(checksumAt), ~bytes.Sum(b => b));
        image.Write(offset, bytes);
    }
}
