// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>A plugin that is linked into the program.</summary>
/// <param name="Manifest">Its manifest, as JSON in UTF-8.</param>
public sealed record LinkedPluginSource(string Id, ReadOnlyMemory<byte> Manifest, Func<Plugin> Create);

/// <summary>Something is asked for that a plugin provides which is installed and not linked into the program.</summary>
public sealed class NotLinkedInException(string pluginId) : Exception($"Plugin '{pluginId}' is not linked into this program")
{
    public string PluginId => pluginId;
}

/// <summary>Loads plugins that are linked into the program: only those that are asked for are ever constructed.</summary>
/// <param name="programFolder">Where the program's files are.</param>
/// <param name="others">
/// Installed plugins that are not linked in. They are listed, and their formats recognised, as everywhere; whoever needs
/// one of them gets a <see cref="NotLinkedInException"/>.
/// </param>
public sealed class LinkedPluginLoader(
    IReadOnlyList<LinkedPluginSource> plugins,
    string programFolder,
    IReadOnlyList<PluginCandidate>? others = null) : IPluginLoader
{
    /// <summary>Others come first: one with the id of a linked plugin is there because the user named its folder.</summary>
    public IReadOnlyList<PluginCandidate> Discover() => [.. others ?? [], .. plugins.Select(Candidate)];

    /// <summary>Another composition is another program.</summary>
    public PluginCandidate ReadManifest(string path) =>
        new(Path.GetFileNameWithoutExtension(path), path, null, "this program has its plugins linked in, and loads no others");

    public bool HasNewCode(PluginManifest loaded) => false;

    public ILoadedPlugin Load(PluginManifest manifest)
    {
        if (others is not null && others.Any(other => ReferenceEquals(other.Manifest, manifest)))
            throw new NotLinkedInException(manifest.Id);
        return new LinkedPlugin(plugins.First(plugin => plugin.Id == manifest.Id).Create());
    }

    private PluginCandidate Candidate(LinkedPluginSource plugin)
    {
        try
        {
            return new(plugin.Id, "", ManifestFile.Parse(plugin.Manifest, programFolder), null);
        }
        catch (PluginException e)
        {
            return new(plugin.Id, "", null, $"its linked manifest {e.Message}");
        }
    }
}
