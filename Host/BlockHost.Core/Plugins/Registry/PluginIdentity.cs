// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Plugins;

/// <summary>Who a plugin is: its manifest's id, version, and one line for people.</summary>
public sealed record PluginIdentity(string Id, string Version, string Description);
