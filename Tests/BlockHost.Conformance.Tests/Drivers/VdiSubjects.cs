// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vdi;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The vdi driver on images that it made itself, with small blocks: VirtualBox's tools can make such.</summary>
internal static class VdiSubjects
{
    private const int Length = (6 * BlockSize) + 512;
    private const int BlockSize = 32 << 10;
    private const int BackingLength = 100_864;

    public static BlockDriverSubject Make(string name, string preallocation, bool backing)
    {
        var driver = PluginContents.Of(new VdiPlugin()).Driver("vdi");
        return new()
        {
            Name = $"vdi, {name}",
            Driver = driver,
            Resizable = !backing,
            CreateImage = async token => await CreateAsync(driver, preallocation, backing, token),
        };
    }

    private static async Task<SubjectImage> CreateAsync(
        BlockDriver driver, string preallocation, bool backing, CancellationToken cancellationToken)
    {
        var storage = new MemoryImage();
        var context = new TestImageCreateContext(new TestPluginHost());
        context.Storage["file"] = new MemoryChild(storage);
        Assert.True(driver.TryGetFacet<IImageCreator>(out var creator));
        // As many blocks as there will be, of 1 MiB each: the header then says that they are smaller.
        var options = JsonSerializer.SerializeToElement(new { file = "file", size = 10L << 20, preallocation });
        await creator.CreateAsync(context, options, cancellationToken);
        storage.Write(368, BitConverter.GetBytes((long)Length));
        storage.Write(376, BitConverter.GetBytes(BlockSize));
        var children = new Dictionary<string, SubjectChild> { ["file"] = new(storage) };
        var content = new byte[backing ? BackingLength : 0];
        if (backing)
        {
            storage.Write(424, new byte[] { 1 });
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
