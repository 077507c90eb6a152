// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Job.Compact;

[assembly: PluginEntry(typeof(JobCompactPlugin))]

namespace BlockHost.Plugins.Job.Compact;

/// <summary>The job that takes holes out of an image, and x-blockhost-block-compact, which starts it.</summary>
public sealed class JobCompactPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        var type = new CompactJobType();
        registry.Add(type);
        registry.Add(BlockCompactCommand.Create(type));
    }
}
