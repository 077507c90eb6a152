// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(ThrowsInRegisterPlugin))]

namespace Fixture;

/// <summary>Declares one thing, then fails.</summary>
public sealed class ThrowsInRegisterPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new QmpSignal("HALF_WAY"));
        throw new InvalidOperationException("half way is enough");
    }
}
