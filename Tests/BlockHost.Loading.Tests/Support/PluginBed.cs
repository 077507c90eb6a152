// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using BlockHost.Conformance.TestHost;
using BlockHost.Core.Plugins;

namespace BlockHost.Loading.Tests.Support;

/// <summary>A folder of plugins and one of manifests, made of fixtures; and a manager that looks there.</summary>
internal sealed class PluginBed : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("blockhost-plugin-bed-");

    public PluginBed()
    {
        Directory.CreateDirectory(ManifestFolder);
        Directory.CreateDirectory(PluginFolder);
    }

    public string Root => _root.FullName;

    public string ManifestFolder => Path.Combine(Root, "plugin-manifests");

    public string PluginFolder => Path.Combine(Root, "plugins");

    public PluginLocations Locations => new() { ManifestFolders = [ManifestFolder], PluginFolders = [PluginFolder] };

    public AssemblyPluginLoader Loader => new(Locations);

    /// <param name="more">Another bed, whose plugins may be loaded as well; its manifests are not read.</param>
    public PluginManager CreateManager(PluginSelection? selection = null, TimeProvider? clock = null, PluginBed? more = null)
    {
        var host = new TestPluginHost();
        var manager = new PluginManager(new PluginManagerOptions
        {
            Host = () => host,
            Loader = more is null ? Loader : new(Locations with { PluginFolders = [PluginFolder, more.PluginFolder] }),
            Selection = selection ?? PluginSelection.Everything,
            Clock = clock ?? TimeProvider.System,
        });
        manager.Discover();
        return manager;
    }

    public string ManifestPath(string id) => Path.Combine(ManifestFolder, id + ".json");

    public string AssemblyPath(string id) =>
        Path.Combine(PluginFolder, id, JsonNode.Parse(File.ReadAllText(ManifestPath(id)))!["assembly"]!.GetValue<string>());

    /// <summary>Copies a fixture's build output and writes its manifest.</summary>
    /// <param name="provides">"kind:name", such as "drivers:fixture-zeroes".</param>
    public PluginBed Install(string project, string id, params string[] provides)
    {
        var assembly = Fixtures.Assembly(project);
        CopyFolder(Path.GetDirectoryName(assembly)!, Path.Combine(PluginFolder, id));
        WriteManifest(id, new JsonObject
        {
            ["id"] = id,
            ["name"] = project,
            ["version"] = "1.0.0",
            ["assembly"] = Path.GetFileName(assembly),
            ["sha256"] = Sha256(assembly),
            ["contract"] = new JsonObject { ["min"] = "1.0", ["max"] = "2.0" },
            ["provides"] = Provides(provides),
        });
        return this;
    }

    public PluginBed InstallOrdinary() =>
        Install("Ordinary", "fixture.ordinary", "drivers:fixture-zeroes", "commands:fixture-echo");

    public void EditManifest(string id, Action<JsonObject> edit)
    {
        var manifest = JsonNode.Parse(File.ReadAllText(ManifestPath(id)))!.AsObject();
        edit(manifest);
        WriteManifest(id, manifest);
    }

    public static string Sha256(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));

    public static JsonObject Provides(params string[] provides)
    {
        var kinds = new JsonObject();
        foreach (var group in provides.Select(item => item.Split(':', 2)).GroupBy(parts => parts[0], parts => parts[1]))
            kinds[group.Key] = new JsonArray([.. group.Select(name => JsonValue.Create(name))]);
        return kinds;
    }

    public void Dispose() => _root.Delete(recursive: true);

    private static void CopyFolder(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    private void WriteManifest(string id, JsonObject manifest) => File.WriteAllText(ManifestPath(id), manifest.ToJsonString());
}
