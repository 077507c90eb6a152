// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(ThrowsInConstructorPlugin))]

namespace Fixture;

/// <summary>Cannot be constructed.</summary>
public sealed class ThrowsInConstructorPlugin : Plugin
{
    public ThrowsInConstructorPlugin() => throw new InvalidOperationException("no luck today");

    public override void Register(IPluginRegistry registry) => registry.Add(new QmpSignal("NEVER"));
}
