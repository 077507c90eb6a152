// SPDX-License-Identifier: MIT
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

    /// <summary>The command line's folders, each kind replacing the default's where given.</summary>
    public static PluginLocations From(IReadOnlyList<string> manifestFolders, IReadOnlyList<string> pluginFolders)
    {
        var standard = Default();
        return new PluginLocations
        {
            ManifestFolders = manifestFolders.Count == 0 ? standard.ManifestFolders : [.. manifestFolders.Select(Path.GetFullPath)],
            PluginFolders = pluginFolders.Count == 0 ? standard.PluginFolders : [.. pluginFolders.Select(Path.GetFullPath)],
        };
    }

    /// <summary>The folder of one plugin; null: there are no folders of plugins.</summary>
    public string? FolderOf(string id) =>
        PluginFolders.Select(folder => Path.Combine(folder, id)).FirstOrDefault(Directory.Exists)
        ?? (PluginFolders.Count == 0 ? null : Path.Combine(PluginFolders[0], id));
}
