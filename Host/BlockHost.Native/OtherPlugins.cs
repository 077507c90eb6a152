// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Plugins;

namespace BlockHost.Composition;

/// <summary>Plugins that are installed and not linked in, by their manifests.</summary>
internal static class OtherPlugins
{
    /// <summary>
    /// In the folder that came with the programs, a manifest of a linked plugin means that plugin, even if it has been
    /// rebuilt since. In a folder that the user names, it means another one in its place.
    /// </summary>
    /// <exception cref="PluginException">A folder that the user names is missing, or others can put code into it.</exception>
    public static IReadOnlyList<PluginCandidate> Find(IReadOnlyList<LinkedPluginSource> linked, HostOptions options)
    {
        var linkedFiles = linked.Select(plugin => plugin.Id + ".json").ToHashSet(StringComparer.Ordinal);
        var standard = PluginLocations.Default();
        var hasNamed = options.ManifestFolders.Count + options.PluginFolders.Count > 0;
        var locations = hasNamed ? PluginLocations.From(options.ManifestFolders, options.PluginFolders) : standard;
        var named = locations.ManifestFolders.Except(standard.ManifestFolders).SelectMany(PluginLocations.ManifestsIn);
        var installed = standard.ManifestFolders.SelectMany(PluginLocations.ManifestsIn)
            .Where(path => !linkedFiles.Contains(Path.GetFileName(path)));
        return [.. named.Concat(installed).Select(
            path => ManifestFile.Read(path, locations.FolderOf(Path.GetFileNameWithoutExtension(path))))];
    }
}
