// SPDX-License-Identifier: MIT
using System.Reflection;
using BlockHost.Core.Plugins;

namespace BlockHost.Loading;

/// <summary>What a plugin's assembly says of itself, read without running any of it.</summary>
/// <param name="AssemblyName">Simple name.</param>
/// <param name="EntryType">Full name of the plugin class.</param>
/// <param name="Contract">The contract it was compiled against.</param>
/// <param name="References">Assemblies it refers to, with the versions it was compiled against.</param>
public sealed record PluginMetadata(
    string AssemblyName,
    string EntryType,
    ContractVersion Contract,
    IReadOnlyList<AssemblyName> References);
