// SPDX-License-Identifier: MIT
using BlockHost.Core.Files;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;

namespace BlockHost.Loading;

/// <summary>
/// Whose code may be loaded: what lies in the host's folders, and what nobody but root and the host's user can change. A
/// plugin runs with all of the process's rights.
/// </summary>
internal sealed class PluginTrust(PluginLocations locations)
{
    private readonly TrustedPath _trusted = new();

    /// <summary>Refuses a manifest that somebody names from anywhere else than the host's folders.</summary>
    /// <exception cref="PluginException">Names the folder; follows "its manifest FILE ".</exception>
    public void RefuseForeignManifest(string path)
    {
        var folders = locations.ManifestFolders.Concat(locations.PluginFolders).ToList();
        var (real, objection) = _trusted.Follow(path);
        if (!folders.Exists(folder => IsBelow(real, _trusted.Follow(folder).RealPath)))
            throw new PluginException(
                $"is in {Path.GetDirectoryName(real)}, which is none of the host's folders of plugins ({Listed(folders)}); --plugin-path and --manifests add one");
        if (objection is not null)
            throw new PluginException($"is not taken: {objection}");
    }

    /// <summary>Refuses a plugin whose assemblies somebody else could change, also those that it brings for itself.</summary>
    /// <exception cref="PluginException">Names the file or folder; follows "Plugin 'x' is faulted: ".</exception>
    public void RefuseForeignCode(PluginManifest manifest)
    {
        var folder = Path.GetDirectoryName(manifest.AssemblyPath)!;
        var objection = _trusted.Follow(manifest.AssemblyPath).Objection
            ?? (Directory.Exists(folder) ? _trusted.ObjectionIn(folder) : null);
        if (objection is not null)
            throw new PluginException($"its code is not taken: {objection}");
    }

    private static bool IsBelow(string path, string folder) =>
        path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + "/", StringComparison.Ordinal);

    private static string Listed(List<string> folders) => folders.Count == 0 ? "it has none" : string.Join(", ", folders);
}
