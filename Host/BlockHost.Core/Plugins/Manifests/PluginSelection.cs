// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Plugins;

/// <summary>A composition: which of the plugins that are there a deployment wants.</summary>
public sealed class PluginSelection
{
    private readonly HashSet<string>? _ids;

    private PluginSelection(string name, HashSet<string>? ids)
    {
        Name = name;
        _ids = ids;
    }

    public static PluginSelection Everything { get; } = new("everything", null);

    /// <summary>For messages.</summary>
    public string Name { get; }

    public static PluginSelection Of(string name, IEnumerable<string> ids) => new(name, ids.ToHashSet(StringComparer.Ordinal));

    public bool Wants(string id) => _ids is null || _ids.Contains(id);
}
