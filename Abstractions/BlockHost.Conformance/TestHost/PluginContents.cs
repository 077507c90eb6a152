// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins;

namespace BlockHost.Conformance.TestHost;

/// <summary>What a plugin declares, without a host to load it.</summary>
public sealed class PluginContents : IPluginRegistry
{
    private readonly List<IProvided> _things = [];

    public IReadOnlyList<IProvided> Things => _things;

    public static PluginContents Of(Plugin plugin)
    {
        var contents = new PluginContents();
        plugin.Register(contents);
        return contents;
    }

    /// <summary>The things of one kind.</summary>
    public IReadOnlyList<T> Of<T>(ProvidedKind<T> kind)
        where T : class, IProvided => [.. _things.Where(thing => thing.Kind == kind).Cast<T>()];

    /// <exception cref="KeyNotFoundException">The plugin has no such driver.</exception>
    public BlockDriver Driver(string formatName) =>
        Of(ProvidedKind.Driver).FirstOrDefault(d => d.FormatName == formatName)
            ?? throw new KeyNotFoundException($"The plugin has no driver '{formatName}'");

    public void Add(IProvided thing) => _things.Add(thing);
}
