// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.ThirdParty.Tests;

/// <summary>
/// The sample driver, built as its author would: in an empty folder, against the contract's package alone. The only
/// package source there is holds just that package and those it needs.
/// </summary>
public sealed class BuiltSample : IAsyncLifetime
{
    private const string NuGetConfig = """
        <configuration>
          <packageSources>
            <clear />
            <add key="local" value="../feed" />
          </packageSources>
        </configuration>
        """;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("blockhost-third-party-");

    /// <summary>The shipped manifest, with the plugin's files beside it.</summary>
    public string Manifest => Path.Combine(PluginFolder, "example.ram.json");

    public string PluginFolder => Path.Combine(Project, "bin", "plugin", "example.ram");

    private string Project => Path.Combine(_root.FullName, "Example.Ram");

    public async Task InitializeAsync()
    {
        var repository = SourceTree.Root;
        var feed = Directory.CreateDirectory(Path.Combine(_root.FullName, "feed")).FullName;
        var cache = Path.Combine(_root.FullName, "packages");
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;
        await DotnetTool.RunAsync(
            repository,
            cache,
            "pack",
            Path.Combine("Abstractions", "BlockHost.Abstractions"),
            "--no-build",
            "-c",
            configuration,
            "-o",
            feed);
        CopyDependencies(
            Path.Combine(repository, "artifacts", "build", "obj", "BlockHost.Abstractions", "project.assets.json"), feed);
        CopySources(Path.Combine(repository, "samples", "Example.Ram"), Project);
        await File.WriteAllTextAsync(Path.Combine(Project, "nuget.config"), NuGetConfig);
        await DotnetTool.RunAsync(Project, cache, "build", "-warnaserror");
    }

    public Task DisposeAsync()
    {
        _root.Delete(recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>What the contract was built with is in the user's package folder.</summary>
    private static void CopyDependencies(string assetsFile, string feed)
    {
        using var assets = JsonDocument.Parse(File.ReadAllBytes(assetsFile));
        var folders = assets.RootElement.GetProperty("packageFolders").EnumerateObject().Select(folder => folder.Name).ToArray();
        foreach (var library in assets.RootElement.GetProperty("libraries").EnumerateObject().Where(
            library => library.Value.GetProperty("type").GetString() == "package"))
        {
            var path = library.Value.GetProperty("path").GetString()!;
            var package = folders.Select(folder => Path.Combine(folder, path)).First(Directory.Exists);
            foreach (var file in Directory.EnumerateFiles(package, "*.nupkg"))
                File.Copy(file, Path.Combine(feed, Path.GetFileName(file)), overwrite: true);
        }
    }

    private static void CopySources(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}

/// <summary>The sample is built once for all tests that use it.</summary>
[CollectionDefinition(Name)]
public sealed class BuiltSampleCollection : ICollectionFixture<BuiltSample>
{
    public const string Name = "built sample";
}
