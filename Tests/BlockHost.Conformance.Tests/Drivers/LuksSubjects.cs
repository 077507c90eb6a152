// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Objects;
using BlockHost.Plugins.Block.Luks;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The luks driver on an image that reads as zeroes because they were written: new room reads as anything.</summary>
internal static class LuksSubjects
{
    private const int Length = 192 << 10;

    private static JsonElement Opening { get; } = JsonDocument.Parse("""{"file":"file","key-secret":"password"}""").RootElement;

    public static BlockDriverSubject Make()
    {
        var driver = PluginContents.Of(new LuksPlugin()).Driver("luks");
        var made = new Lazy<Task<byte[]>>(() => CreateAsync(driver));
        return new()
        {
            Name = "luks",
            Driver = driver,
            Resizable = false,
            CreateImage = async token => CopyOf(await made.Value.WaitAsync(token)),
        };
    }

    private static SubjectImage CopyOf(byte[] made) => new()
    {
        Options = Opening,
        Length = Length,
        Children = new Dictionary<string, SubjectChild> { ["file"] = new(new MemoryImage(made)) },
        CreateObjects = _ => new Dictionary<string, UserObject> { ["password"] = new Password() },
    };

    private static async Task<byte[]> CreateAsync(BlockDriver driver)
    {
        var storage = new MemoryImage();
        var host = new TestPluginHost();
        host.Objects.Add("password", new Password());
        var context = new TestImageCreateContext(host);
        context.Storage["file"] = new MemoryChild(storage);
        Assert.True(driver.TryGetFacet<IImageCreator>(out var creator));
        var options = new Dictionary<string, object>
        {
            ["file"] = "file",
            ["size"] = Length,
            ["key-secret"] = "password",
            ["cipher-alg"] = "aes-128",
            ["cipher-mode"] = "cbc",
            ["iter-time"] = 0,
        };
        await creator.CreateAsync(context, JsonSerializer.SerializeToElement(options), default);
        var opened = new TestNodeContext(host) { Children = { ["file"] = new MemoryChild(storage) } };
        await using (var node = await driver.OpenAsync(opened, Opening, default))
            await node.WriteAsync(0, new byte[Length], WriteFlags.None, default);
        return storage.Read(0, (int)storage.Length);
    }

    private sealed class Password : UserObject, ISecret
    {
        public ReadOnlyMemory<byte> Data { get; } = Encoding.UTF8.GetBytes("password");
    }
}
