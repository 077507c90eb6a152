// SPDX-License-Identifier: MIT
using BlockHost.Architecture.Tests.Support;
using BlockHost.Block;
using BlockHost.Core.Plugins;
using BlockHost.Loading;
using BlockHost.Plugins;

namespace BlockHost.Architecture.Tests;

/// <summary>Every plugin folder reads alike, and its manifest tells the truth.</summary>
public sealed class PluginHouseTests
{
    public static TheoryData<string> Plugins => [.. Repository.PluginProjects];

    [Theory]
    [MemberData(nameof(Plugins))]
    public void The_manifest_provides_exactly_what_the_plugin_registers(string plugin)
    {
        var manifest = ShippedPlugins.Manifest(plugin);
        var loaded = new AssemblyPluginLoader(ShippedPlugins.Locations).Load(manifest);

        var draft = RegistrationDraft.Of(new PluginOwner(manifest.Identity), loaded.Plugin.Register);

        Assert.Equal(draft.Names.Order(), manifest.Provides.All().Order());
        var prefixes = draft.Things.OfType<BlockDriver>().SelectMany(
            driver => driver.FileNamePrefixes.Select(prefix => $"{prefix} → {driver.FormatName}"));
        Assert.Equal(prefixes.Order(), manifest.FileNamePrefixes.Select(pair => $"{pair.Key} → {pair.Value}").Order());
        loaded.Unload();
    }

    /// <summary>Otherwise nothing can be unloaded: docs/decisions/13.</summary>
    [Theory]
    [MemberData(nameof(Plugins))]
    public void A_plugin_and_what_it_brings_make_no_threads_that_end(string plugin)
    {
        var assemblies = Directory.EnumerateFiles(Path.GetDirectoryName(ShippedPlugins.Manifest(plugin).AssemblyPath)!, "*.dll");

        Assert.All(assemblies, assembly => Assert.Null(ThreadUse.Find(File.ReadAllBytes(assembly))));
    }

    [Fact]
    public void Names_are_unique_over_all_plugins()
    {
        var twice = Repository.PluginProjects.SelectMany(plugin => ShippedPlugins.Manifest(plugin).Provides.All())
            .GroupBy(name => name).Where(group => group.Count() > 1).Select(group => group.Key);

        Assert.Empty(twice);
    }

    [Theory]
    [MemberData(nameof(Plugins))]
    public void Removing_a_manifest_removes_just_what_it_provides(string plugin)
    {
        var all = Repository.PluginProjects.SelectMany(other => ShippedPlugins.Manifest(other).Provides.All()).ToList();
        var folder = Directory.CreateTempSubdirectory("blockhost-manifests-");
        foreach (var other in Repository.PluginProjects.Where(other => other != plugin).Select(ShippedPlugins.IdOf))
            File.Copy(
                Path.Combine(ShippedPlugins.Locations.ManifestFolders[0], other + ".json"),
                Path.Combine(folder.FullName, other + ".json"));

        var left = NamesIn(ShippedPlugins.Locations with { ManifestFolders = [folder.FullName] });

        folder.Delete(recursive: true);
        Assert.Equal(all.Except(ShippedPlugins.Manifest(plugin).Provides.All()).Order(), left.Order());
    }

    [Theory]
    [MemberData(nameof(Plugins))]
    public void The_committed_manifest_leaves_to_the_build_what_that_knows(string plugin)
    {
        var template = File.ReadAllText(Repository.PathOf("plugin-manifests", ShippedPlugins.IdOf(plugin) + ".json"));

        Assert.Contains("\"version\": \"{version}\"", template);
        Assert.Contains("\"sha256\": \"{sha256}\"", template);
        Assert.Contains("\"provides\": \"{provides}\"", template);
        Assert.Contains("\"$schema\": \"", template);
    }

    [Fact]
    public void Every_manifest_has_its_plugin()
    {
        var manifests = Directory.EnumerateFiles(Repository.PathOf("plugin-manifests"), "*.json")
            .Select(Path.GetFileNameWithoutExtension).Order();

        Assert.Equal(Repository.PluginProjects.Select(ShippedPlugins.IdOf).Order(), manifests);
    }

    [Fact]
    public void Every_composition_lists_plugins_that_exist()
    {
        var ids = Repository.PluginProjects.Select(ShippedPlugins.IdOf).ToHashSet();
        foreach (var path in Directory.EnumerateFiles(Repository.PathOf("plugin-manifests", "compositions"), "*.json"))
        {
            var json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(path))!;
            foreach (var id in json["plugins"]!.AsArray().Select(node => node!.GetValue<string>()).Where(id => id != "*"))
                Assert.True(ids.Contains(id), $"{path} lists '{id}', which is no plugin");
        }
    }

    [Theory]
    [MemberData(nameof(Plugins))]
    public void A_plugin_folder_has_its_README(string plugin) =>
        Assert.True(File.Exists(Repository.PathOf("Plugins", plugin, "README.md")));

    [Theory]
    [MemberData(nameof(Plugins))]
    public void Format_code_does_no_IO(string plugin)
    {
        var format = Repository.PathOf("Plugins", plugin, "Format");
        if (!Directory.Exists(format))
            return;
        foreach (var file in Directory.EnumerateFiles(format, "*.cs", SearchOption.AllDirectories))
            Assert.DoesNotContain("IBlockChild", File.ReadAllText(file));
    }

    private static IEnumerable<ProvidedName> NamesIn(PluginLocations locations)
    {
        var manager = new PluginManager(new PluginManagerOptions
        {
            Host = () => throw new InvalidOperationException("nothing is loaded here"),
            Loader = new AssemblyPluginLoader(locations),
        });
        manager.Discover();
        return ProvidedKind.All.SelectMany(kind => manager.NamesOf(kind).Select(name => new ProvidedName(kind, name)));
    }
}
