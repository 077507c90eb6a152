// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Resources;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(SatelliteResourcesPlugin))]

namespace Fixture;

/// <summary>Speaks German from a satellite assembly.</summary>
public sealed class SatelliteResourcesPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        var words = new ResourceManager("Fixture.Words", typeof(SatelliteResourcesPlugin).Assembly);
        registry.Add(new QmpSignal(words.GetString("Hello", CultureInfo.GetCultureInfo("de"))!));
    }
}
