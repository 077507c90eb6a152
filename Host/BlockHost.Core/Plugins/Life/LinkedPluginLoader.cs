// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>A plugin that is linked into the program.</summary>
/// <param name="Manifest">Its manifest, as JSON in UTF-8.</param>
public sealed record LinkedPluginSource(string Id, ReadOnlyMemory<byte> Manifest, Func<Plugin> Create);

/// <summary>Loads plugins that are linked into the program: only those that are asked for are ever constructed.</summary>
/// <param name="programFolder">Where the program's files are.</param>
public sealed class LinkedPluginLoader(IReadOnlyList<LinkedPluginSource> plugins, string programFolder) : IPluginLoader
{
    public IReadOnlyList<PluginCandidate> Discover() => [.. plugins.Select(Candidate)];

    /// <summary>Another composition is another program.</summary>
    public PluginCandidate ReadManifest(string path) =>
        new(Path.GetFileNameWithoutExtension(path), path, null, "this program has its plugins linked in, and loads no others");

    public bool HasNewCode(PluginManifest loaded) => false;

    public ILoadedPlugin Load(PluginManifest manifest) => new LinkedPlugin(plugins.First(plugin => plugin.Id == manifest.Id).Create());

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
