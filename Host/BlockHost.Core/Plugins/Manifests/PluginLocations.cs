// SPDX-License-Identifier: MIT
using BlockHost.Core.Files;
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>
/// Where plugins are looked for. A manifest <c>MANIFESTS/id.json</c> belongs to the plugin folder <c>PLUGINS/id/</c>; where
/// several folders of plugins are given, the first that has it.
/// </summary>
public sealed record PluginLocations
{
    private const int LevelsUp = 5;

    /// <summary>Absolute paths of folders with manifests (<c>--manifests</c>).</summary>
    public required IReadOnlyList<string> ManifestFolders { get; init; }

    /// <summary>Absolute paths of folders with a folder for each plugin (<c>--plugin-path</c>).</summary>
    public required IReadOnlyList<string> PluginFolders { get; init; }

    /// <summary>
    /// The folders that came with the program: the nearest <c>plugins</c> and <c>plugin-manifests</c>, side by side, at
    /// <paramref name="start"/> (default: the program's folder) or above it. Empty lists where there are none.
    /// </summary>
    public static PluginLocations Default(string? start = null)
    {
        var folder = new DirectoryInfo(start ?? AppContext.BaseDirectory);
        for (var level = 0; level <= LevelsUp && folder is not null; level++, folder = folder.Parent)
        {
            var manifests = Path.Combine(folder.FullName, "plugin-manifests");
            var plugins = Path.Combine(folder.FullName, "plugins");
            if (Directory.Exists(manifests) && Directory.Exists(plugins))
                return new PluginLocations { ManifestFolders = [manifests], PluginFolders = [plugins] };
        }

        return new PluginLocations { ManifestFolders = [], PluginFolders = [] };
    }

    /// <summary>The command line's folders, then those that came with the program.</summary>
    /// <exception cref="PluginException">One of them is missing, or somebody else could put code into it; names the
    /// folder.</exception>
    public static PluginLocations From(IReadOnlyList<string> manifestFolders, IReadOnlyList<string> pluginFolders)
    {
        var standard = Default();
        var locations = new PluginLocations
        {
            ManifestFolders = [.. manifestFolders.Select(folder => Existing(folder, "manifests", "--manifests"))
                .Concat(standard.ManifestFolders).Distinct()],
            PluginFolders = [.. pluginFolders.Select(folder => Existing(folder, "plugins", "--plugin-path"))
                .Concat(standard.PluginFolders).Distinct()],
        };
        var trusted = new TrustedPath();
        foreach (var folder in locations.ManifestFolders.Concat(locations.PluginFolders))
        {
            if (trusted.Follow(folder).Objection is { } objection)
                throw new PluginException($"No plugins are taken from {folder}: {objection}");
        }

        return locations;
    }

    /// <summary>
    /// The manifests in a folder, in ordinal order; no subfolders, and not what .NET's build puts beside an assembly.
    /// </summary>
    public static IEnumerable<string> ManifestsIn(string folder) =>
        Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "*.json").Where(IsManifest).Order(StringComparer.Ordinal)
            : [];

    /// <summary>The folder of one plugin; null: there are no folders of plugins.</summary>
    public string? FolderOf(string id) =>
        PluginFolders.Select(folder => Path.Combine(folder, id)).FirstOrDefault(Directory.Exists)
        ?? (PluginFolders.Count == 0 ? null : Path.Combine(PluginFolders[0], id));

    private static bool IsManifest(string path) =>
        !path.EndsWith(".deps.json", StringComparison.Ordinal) && !path.EndsWith(".runtimeconfig.json", StringComparison.Ordinal);

    private static string Existing(string folder, string what, string option)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        return Directory.Exists(path)
            ? path
            : throw new PluginException(
                $"There is no folder of {what} '{path}' ({option}, or BLOCKHOST_{(option == "--manifests" ? "MANIFESTS" : "PLUGIN_PATH")})");
    }
}
