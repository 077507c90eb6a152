// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Plugins;

namespace BlockHost.Loading;

/// <summary>Reads a composition: the list of plugins that a deployment wants.</summary>
public static class CompositionFile
{
    private const string AllPlugins = "*";

    /// <param name="nameOrPath">A path, or the name of a file in <c>compositions/</c> beside the manifests ("minimal").</param>
    /// <exception cref="PluginException">There is no such composition, or it is not well formed.</exception>
    public static PluginSelection Read(string nameOrPath, PluginLocations locations)
    {
        var path = Find(nameOrPath, locations);
        try
        {
            return JsonMembers.ReadFile(path, members => Read(members, path));
        }
        catch (PluginException e)
        {
            throw new PluginException($"The composition {path} {e.Message}", e);
        }
    }

    private static PluginSelection Read(JsonMembers members, string path)
    {
        members.Text("$schema");
        members.Text("description");
        var name = members.Text("name") ?? Path.GetFileNameWithoutExtension(path);
        var plugins = members.RequiredTexts("plugins");
        return plugins.Contains(AllPlugins)
            ? PluginSelection.Everything
            : PluginSelection.Of(name, plugins.Select(ManifestChecks.Id));
    }

    private static string Find(string nameOrPath, PluginLocations locations)
    {
        if (File.Exists(nameOrPath))
            return Path.GetFullPath(nameOrPath);
        var candidates = locations.ManifestFolders.Select(folder => Path.Combine(folder, "compositions", nameOrPath + ".json"));
        return candidates.FirstOrDefault(File.Exists)
            ?? throw new PluginException(
                $"There is no composition '{nameOrPath}': it is neither a file nor in compositions/ beside the manifests");
    }
}
