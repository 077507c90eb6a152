// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Plugins;

namespace BlockHost.Tools.Plugins;

/// <summary>Plugins in words, in lines of eighty columns.</summary>
internal static class PluginText
{
    private const int Width = 80;
    private const int Indent = 22;

    public static IEnumerable<string> Table(IReadOnlyList<PluginInfo> plugins)
    {
        var id = plugins.Select(plugin => plugin.Id.Length).Append("PLUGIN".Length).Max();
        var version = plugins.Select(plugin => plugin.Version?.Length ?? 0).Append("VERSION".Length).Max();
        var state = Enum.GetNames<PluginState>().Max(name => name.Length);
        yield return $"{"PLUGIN".PadRight(id)}  {"VERSION".PadRight(version)}  {"STATE".PadRight(state)}  PROVIDES";
        foreach (var plugin in plugins)
        {
            var head =
                $"{plugin.Id.PadRight(id)}  {(plugin.Version ?? "").PadRight(version)}  {StateOf(plugin).PadRight(state)}  ";
            yield return (head + (plugin.Reason ?? Short(plugin, Width - head.Length))).TrimEnd();
        }
    }

    public static IEnumerable<string> Facts(PluginInfo plugin)
    {
        (string Label, string? Value)[] facts =
        [
            ("Plugin", plugin.Id), ("Name", plugin.Name), (
                "Description", plugin.Description), ("Version", plugin.Version), ("Contract", plugin.Contract),
            ("State", StateOf(plugin)), ("Reason", plugin.Reason), ("Assembly", plugin.Assembly),
        ];
        return facts.Where(fact => !string.IsNullOrEmpty(fact.Value)).Select(fact => fact.Label.PadRight(Indent) + fact.Value)
            .Concat(Groups(plugin).SelectMany(group => Wrapped($"Provides {group.Kind}", group.Names)));
    }

    private static string StateOf(PluginInfo plugin) => plugin.State.ToString().ToLowerInvariant();

    /// <summary>All names where they fit, else how many of each kind.</summary>
    private static string Short(PluginInfo plugin, int width)
    {
        var groups = Groups(plugin).ToList();
        var names = string.Join("; ", groups.Select(group => $"{group.Kind} {string.Join(", ", group.Names)}"));
        return names.Length <= width ? names : string.Join(", ", groups.Select(group => $"{group.Names.Count} {group.Kind}"));
    }

    private static IEnumerable<string> Wrapped(string label, IReadOnlyList<string> names)
    {
        var line = label.PadRight(Indent);
        for (var i = 0; i < names.Count; i++)
        {
            var name = i + 1 < names.Count ? names[i] + ", " : names[i];
            if (line.Length > Indent && line.Length + name.TrimEnd().Length > Width)
            {
                yield return line.TrimEnd();
                line = new string(' ', Indent);
            }

            line += name;
        }

        yield return line;
    }

    private static IEnumerable<(string Kind, IReadOnlyList<string> Names)> Groups(PluginInfo plugin) =>
        plugin.Provides is { } provides
            ? ProvidedKind.All.Select(kind => (kind.Id, provides[kind])).Where(group => group.Item2.Count > 0)
            : [];
}
