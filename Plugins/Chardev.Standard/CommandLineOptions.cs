// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;

namespace BlockHost.Plugins.Chardev.Standard;

/// <summary>Options that the command line knows by other names than QMP.</summary>
internal static class CommandLineOptions
{
    public static JsonObject Rename(IReadOnlyDictionary<string, string> options, params (string Option, string Member)[] names)
    {
        var data = new JsonObject();
        foreach (var (name, value) in options)
            data[Array.Find(names, pair => pair.Option == name).Member ?? name] = value;
        return data;
    }
}
