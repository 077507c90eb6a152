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
        var options = JsonSerializer.SerializeToElement(
            new Dictionary<string, object> { ["dir"] = folder, ["floppy"] = true, ["fat-type"] = 12 });
        await using var node = await driver.OpenAsync(
            new TestNodeContext(new TestPluginHost()) { ReadOnly = true }, options, CancellationToken.None);
        var content = new byte[node.Profile.Length];
        await node.ReadAsync(0, content, ReadFlags.None, CancellationToken.None);
        return new()
        {
            Name = "vvfat",
            Driver = driver,
            ReadOnly = true,
            Resizable = false,
            CreateImage = _ => new(new SubjectImage { Options = options, Length = content.Length, Content = content }),
        };
    }
}
