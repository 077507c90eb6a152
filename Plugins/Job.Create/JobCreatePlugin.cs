// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Job.Create;

[assembly: PluginEntry(typeof(JobCreatePlugin))]

namespace BlockHost.Plugins.Job.Create;

/// <summary>The job that makes images, and blockdev-create, which starts it.</summary>
public sealed class JobCreatePlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        var type = new CreateJobType();
        registry.Add(type);
        registry.Add(BlockdevCreateCommand.Create(type));
    }
}
