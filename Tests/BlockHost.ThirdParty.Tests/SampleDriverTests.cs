// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Core.Plugins;
using BlockHost.Loading;
using BlockHost.Plugins;

namespace BlockHost.ThirdParty.Tests;

[Collection(BuiltSampleCollection.Name)]
public sealed class SampleDriverTests(BuiltSample sample)
{
    private readonly PluginManager _manager = new(new PluginManagerOptions
    {
        Host = () => new TestPluginHost(),
        Loader = new AssemblyPluginLoader(
            new PluginLocations { ManifestFolders = [], PluginFolders = [Path.GetDirectoryName(sample.PluginFolder)!] }),
    });

    [Fact]
    public void The_build_ships_the_plugin_without_the_contract()
    {
        var files = Directory.EnumerateFiles(sample.PluginFolder).Select(Path.GetFileName).Order(StringComparer.Ordinal);

        Assert.Equal(["Example.Ram.deps.json", "Example.Ram.dll", "Example.Ram.pdb", "example.ram.json"], files);
    }

    [Fact]
    public async Task It_is_loaded_by_its_manifest_used_and_unloaded()
    {
        var info = await _manager.LoadManifestAsync(sample.Manifest, CancellationToken.None);
        Assert.Equal(PluginState.Loaded, info.State);
        Assert.Equal("0.1.0", info.Version);

        await WriteAndReadAsync();

        info = await _manager.UnloadAsync("example.ram", TimeSpan.FromSeconds(60), CancellationToken.None);
        Assert.Equal(PluginState.Available, info.State);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task WriteAndReadAsync()
    {
        var driver = await _manager.Of(ProvidedKind.Driver).FindAsync("example-ram", CancellationToken.None);
        using var use = driver!.Use("this test");
        using var options = JsonDocument.Parse("""{ "size": 1048576 }""");
        await using var node = await driver.Value.OpenAsync(
            new TestNodeContext(new TestPluginHost()), options.RootElement, CancellationToken.None);
        var written = new byte[4096];
        new Random(1).NextBytes(written);
        await node.WriteAsync(65_536, written, WriteFlags.None, CancellationToken.None);
        var read = new byte[written.Length];

        await node.ReadAsync(65_536, read, ReadFlags.None, CancellationToken.None);

        Assert.Equal(written, read);
        Assert.Equal(
            BlockStatusFlags.Zero | BlockStatusFlags.Allocated,
            (await node.GetStatusAsync(0, 4096, StatusPrecision.WantZero, CancellationToken.None)).Flags);
    }
}
