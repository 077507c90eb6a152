// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.Loader;
using BlockHost.Plugins;

namespace BlockHost.PluginManifest;

/// <summary>A plugin that has just been built, and what it registers.</summary>
internal sealed class BuiltPlugin : IPluginRegistry
{
    private readonly List<IProvided> _things = [];

    /// <summary>Names by the kinds' ids, in the kinds' order; kinds of which there is nothing are left out.</summary>
    public IReadOnlyList<(string Kind, IReadOnlyList<string> Names)> Provides =>
    [
        .. ProvidedKind.All.Select(kind => (kind.Id, (IReadOnlyList<string>)[.. Names(kind)]))
            .Where(kind => kind.Item2.Count > 0),
    ];

    /// <exception cref="PluginException">The assembly is no plugin, or its plugin fails; the message says how.</exception>
    public static BuiltPlugin Load(string path)
    {
        var entry = new PluginFiles(path).LoadFromAssemblyPath(Path.GetFullPath(path)).GetCustomAttribute<PluginEntryAttribute>()
            ?? throw new PluginException($"{path} has no [assembly: PluginEntry(…)]");
        var built = new BuiltPlugin();
        try
        {
            ((Plugin)Activator.CreateInstance(entry.Entry)!).Register(built);
        }
        catch (Exception e)
        {
            var reason = e.GetBaseException().Message;
            throw new PluginException($"{entry.Entry} fails in its constructor or in Register, which only declare: {reason}", e);
        }

        return built;
    }

    public void Add(IProvided thing) => _things.Add(thing);

    private IEnumerable<string> Names(ProvidedKind kind) =>
        _things.Where(thing => thing.Kind == kind).Select(thing => thing.Name).Order(StringComparer.Ordinal);

    /// <summary>The contract and what it refers to are this program's; the rest is beside the plugin.</summary>
    private sealed class PluginFiles(string path) : AssemblyLoadContext("plugin")
    {
        private readonly AssemblyDependencyResolver _files = new(Path.GetFullPath(path));

        protected override Assembly? Load(AssemblyName name)
        {
            try
            {
                return Default.LoadFromAssemblyName(name);
            }
            catch (FileNotFoundException)
            {
                return _files.ResolveAssemblyToPath(name) is { } file ? LoadFromAssemblyPath(file) : null;
            }
        }
    }
}
