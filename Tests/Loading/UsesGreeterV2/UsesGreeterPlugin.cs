// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(UsesGreeterPlugin))]

namespace Fixture;

/// <summary>Has version 2 of a library that another plugin has in another version.</summary>
public sealed class UsesGreeterPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new QmpSignal(Greeter.Greeting));
}
