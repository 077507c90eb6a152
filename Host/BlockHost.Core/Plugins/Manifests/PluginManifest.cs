// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Plugins;

/// <summary>What the host knows of a plugin before it runs any of its code.</summary>
public sealed record PluginManifest
{
    /// <summary>Lower-case dotted name, such as "block.qcow2"; also the name of the plugin's folder.</summary>
    public required string Id { get; init; }

    /// <summary>For people; default: the id.</summary>
    public required string Name { get; init; }

    public required string Version { get; init; }

    public string Description { get; init; } = "";

    /// <summary>Absolute path of the plugin's assembly, inside its folder.</summary>
    public required string AssemblyPath { get; init; }

    /// <summary>Of the assembly: 64 lower-case hexadecimal digits.</summary>
    public required string Sha256 { get; init; }

    /// <summary>The contracts the plugin was made for.</summary>
    public required ContractRange Contract { get; init; }

    public required PluginProvides Provides { get; init; }

    /// <summary>Magic bytes by which the plugin's formats are recognised without loading it.</summary>
    public IReadOnlyList<FormatProbe> Probes { get; init; } = [];

    /// <summary>URL-like prefixes of file names and the driver each selects ("nbd+unix" → "nbd").</summary>
    public IReadOnlyDictionary<string, string> FileNamePrefixes { get; init; } = new Dictionary<string, string>();
}

/// <summary>The names a plugin provides, by kind.</summary>
public sealed record PluginProvides
{
    public IReadOnlyList<string> Drivers { get; init; } = [];

    public IReadOnlyList<string> Jobs { get; init; } = [];

    public IReadOnlyList<string> Actions { get; init; } = [];

    public IReadOnlyList<string> Yank { get; init; } = [];

    public IReadOnlyList<string> Devices { get; init; } = [];

    public IReadOnlyList<string> Exports { get; init; } = [];

    public IReadOnlyList<string> Commands { get; init; } = [];

    public IReadOnlyList<string> Events { get; init; } = [];

    public IReadOnlyList<string> Types { get; init; } = [];

    public IEnumerable<ProvidedName> All() =>
    [
        .. Of(ProvidedKind.Driver, Drivers),
        .. Of(ProvidedKind.Job, Jobs),
        .. Of(ProvidedKind.Yank, Yank),
        .. Of(ProvidedKind.Device, Devices),
        .. Of(ProvidedKind.Export, Exports),
        .. Of(ProvidedKind.Command, Commands),
        .. Of(ProvidedKind.Event, Events),
        .. Of(ProvidedKind.Type, Types),
        .. Of(ProvidedKind.Action, Actions),
    ];

    /// <summary>The inverse of <see cref="All"/>.</summary>
    public static PluginProvides From(IEnumerable<ProvidedName> names)
    {
        var byKind = names.Order().ToLookup(name => name.Kind, name => name.Name);
        return new PluginProvides
        {
            Drivers = [.. byKind[ProvidedKind.Driver]],
            Jobs = [.. byKind[ProvidedKind.Job]],
            Yank = [.. byKind[ProvidedKind.Yank]],
            Devices = [.. byKind[ProvidedKind.Device]],
            Exports = [.. byKind[ProvidedKind.Export]],
            Commands = [.. byKind[ProvidedKind.Command]],
            Events = [.. byKind[ProvidedKind.Event]],
            Types = [.. byKind[ProvidedKind.Type]],
            Actions = [.. byKind[ProvidedKind.Action]],
        };
    }

    private static IEnumerable<ProvidedName> Of(ProvidedKind kind, IReadOnlyList<string> names) =>
        names.Select(name => new ProvidedName(kind, name));
}
