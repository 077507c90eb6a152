// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vvfat;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>A folder as a floppy disk. What it holds is the tests' of the driver to prove; here it must stay so.</summary>
internal static class VvfatSubjects
{
    public static async Task<BlockDriverSubject> MakeAsync(TemporaryFolder temporary)
    {
        var folder = temporary.NewFolder();
        File.WriteAllText(Path.Combine(folder, "README"), "read me");
        Directory.CreateDirectory(Path.Combine(folder, "sub"));
        var data = new byte[300_001];
        new Random(1).NextBytes(data);
        File.WriteAllBytes(Path.Combine(folder, "sub", "data with a long name"), data);
        var driver = PluginContents.Of(new VvfatPlugin()).Driver("vvfat");
        var options = Options(folder, writable: false);
        var content = await ContentAsync(driver, options);
        return new()
        {
            Name = "vvfat",
            Driver = driver,
            ReadOnly = true,
            Resizable = false,
            CreateImage = _ => new(new SubjectImage { Options = options, Length = content.Length, Content = content }),
        };
    }

    /// <summary>
    /// On a disk that its guest has formatted anew: nothing of it is taken back into the folder, and all that is written stays in
    /// the journal, which the kit opens again and again.
    /// </summary>
    public static BlockDriverSubject Writable(TemporaryFolder temporary)
    {
        var driver = PluginContents.Of(new VvfatPlugin()).Driver("vvfat");
        return new()
        {
            Name = "vvfat, written",
            Driver = driver,
            OpensReadOnly = false,
            PowerCut = false,
            Resizable = false,
            CreateImage = async _ =>
            {
                var folder = temporary.NewFolder();
                File.WriteAllText(Path.Combine(folder, "README"), "read me");
                var options = Options(folder, writable: true);
                var content = await FormatAsync(driver, options);
                return new SubjectImage { Options = options, Length = content.Length, Content = content };
            },
        };
    }

    private static async Task<byte[]> FormatAsync(BlockDriver driver, JsonElement options)
    {
        const int SectorsPerCluster = 13;
        await using var node = await driver.OpenAsync(new TestNodeContext(new TestPluginHost()), options, CancellationToken.None);
        var content = new byte[node.Profile.Length];
        await node.ReadAsync(0, content, ReadFlags.None, CancellationToken.None);
        content[SectorsPerCluster]++;
        await node.WriteAsync(0, content.AsMemory(0, 512), WriteFlags.None, CancellationToken.None);
        return content;
    }

    private static JsonElement Options(string folder, bool writable) => JsonSerializer.SerializeToElement(
        new Dictionary<string, object> { ["dir"] = folder, ["floppy"] = true, ["fat-type"] = 12, ["rw"] = writable });

    private static async Task<byte[]> ContentAsync(BlockDriver driver, JsonElement options)
    {
        await using var node = await driver.OpenAsync(
            new TestNodeContext(new TestPluginHost()) { ReadOnly = true }, options, CancellationToken.None);
        var content = new byte[node.Profile.Length];
        await node.ReadAsync(0, content, ReadFlags.None, CancellationToken.None);
        return content;
    }
}
