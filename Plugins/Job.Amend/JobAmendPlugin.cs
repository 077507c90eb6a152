// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Job.Amend;

[assembly: PluginEntry(typeof(JobAmendPlugin))]

namespace BlockHost.Plugins.Job.Amend;

/// <summary>The job that changes options of images, and x-blockdev-amend, which starts it.</summary>
public sealed class JobAmendPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        var type = new AmendJobType();
        registry.Add(type);
        registry.Add(BlockdevAmendCommand.Create(type));
    }
}
