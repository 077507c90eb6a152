// SPDX-License-Identifier: MIT
using BlockHost.Core.Files;
using BlockHost.Core.Plugins;

namespace BlockHost.Loading;

/// <summary>Reads all manifests of the given folders, in ordinal order of file names; no subfolders.</summary>
public static class ManifestFolder
{
    /// <returns>One candidate for each id; what is unreadable is in it with its reason.</returns>
    public static IReadOnlyList<PluginCandidate> ReadAll(PluginLocations locations)
    {
        var trusted = new TrustedPath();
        var found = new Dictionary<string, PluginCandidate>(StringComparer.Ordinal);
        foreach (var path in locations.ManifestFolders.SelectMany(PluginLocations.ManifestsIn))
        {
            var candidate = Read(path, locations, trusted);
            found.TryAdd(candidate.Id, candidate);
        }

        return [.. found.Values];
    }

    private static PluginCandidate Read(string path, PluginLocations locations, TrustedPath trusted)
    {
        var fileId = Path.GetFileNameWithoutExtension(path);
        if (trusted.Follow(path).Objection is { } objection)
            return new PluginCandidate(fileId, path, null, $"its manifest {path} is not taken: {objection}");
        var candidate = ManifestFile.Read(path, locations.FolderOf(fileId));
        return candidate.Id == fileId
            ? candidate
            : new PluginCandidate(
                fileId, path, null, $"its manifest {path} has the id '{candidate.Id}'; file name and id must be the same");
    }
}
