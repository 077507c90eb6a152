// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Filter.Throttle;
using BlockHost.Plugins.Filter.Throttle.Group;

[assembly: PluginEntry(typeof(ThrottlePlugin))]

namespace BlockHost.Plugins.Filter.Throttle;

public sealed class ThrottlePlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        registry.Add(new ThrottleDriver());
        registry.Add(new ThrottleGroupType());
    }
}
