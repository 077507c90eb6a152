// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Job.Mirror;
using BlockHost.Plugins.Job.Mirror.Commands;

[assembly: PluginEntry(typeof(JobMirrorPlugin))]

namespace BlockHost.Plugins.Job.Mirror;

/// <summary>The job that copies a disk to another and keeps the copy up to date, and the commands that start it.</summary>
public sealed class JobMirrorPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        var type = new MirrorJobType();
        registry.Add(type);
        registry.Add(BlockdevMirrorCommand.Create(type));
        registry.Add(DriveMirrorCommand.Create(type));
    }
}
