// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

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

    public PluginIdentity Identity => new(Id, Version, Description);

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
