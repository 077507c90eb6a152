// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Loading;

namespace BlockHost.Architecture.Tests.Support;

/// <summary>The plugins as the build wrote them to artifacts/.</summary>
internal static class ShippedPlugins
{
    public static PluginLocations Locations { get; } = new()
    {
        ManifestFolders = [Repository.PathOf("artifacts", "plugin-manifests")],
        PluginFolders = [Repository.PathOf("artifacts", "plugins")],
    };

    public static string IdOf(string project) => project.ToLowerInvariant();

    /// <param name="project">"Block.Raw".</param>
    public static PluginManifest Manifest(string project)
    {
        var id = IdOf(project);
        var candidate = ManifestFile.Read(
            Path.Combine(Locations.ManifestFolders[0], id + ".json"), Path.Combine(Locations.PluginFolders[0], id));
        Assert.True(candidate.Manifest is not null, candidate.Reason);
        return candidate.Manifest!;
    }
}
