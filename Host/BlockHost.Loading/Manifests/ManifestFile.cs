// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Plugins;

namespace BlockHost.Loading;

/// <summary>Reads one manifest file. The file may come from anywhere: everything in it is checked before it is believed.</summary>
public static class ManifestFile
{
    /// <param name="path">Absolute path of the manifest.</param>
    /// <param name="pluginFolder">The folder that the manifest's assembly is in; null: there is none.</param>
    /// <returns>The manifest, or the reason why it is not usable.</returns>
    public static PluginCandidate Read(string path, string? pluginFolder)
    {
        var id = Path.GetFileNameWithoutExtension(path);
        try
        {
            var document = DocumentFile.Read(path, LoadingJson.Default.ManifestDocument);
            id = ManifestChecks.Id(document.Id);
            if (pluginFolder is null)
                throw new PluginException("no folder with plugins is given");
            return new PluginCandidate(id, path, Convert(document, id, pluginFolder), null);
        }
        catch (PluginException e)
        {
            return new PluginCandidate(id, path, null, $"its manifest {path} {e.Message}");
        }
    }

    private static PluginManifest Convert(ManifestDocument document, string id, string pluginFolder) => new()
    {
        Id = id,
        Name = document.Name ?? id,
        Version = ManifestChecks.Present(document.Version, "version"),
        Description = document.Description ?? "",
        AssemblyPath = ManifestChecks.AssemblyPath(document.Assembly, pluginFolder),
        Sha256 = ManifestChecks.Sha256(document.Sha256),
        Contract = ManifestChecks.Contract(document.Contract),
        Provides = ManifestChecks.Provides(document.Provides),
        Probes = [.. (document.Probes ?? []).Select(probe => ManifestChecks.Probe(probe, document.Provides?.Drivers ?? []))],
        FileNamePrefixes = ManifestChecks.Prefixes(document.FileNamePrefixes, document.Provides?.Drivers ?? []),
    };
}
