// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Job.Stream;
using BlockHost.Plugins.Job.Stream.Commands;

[assembly: PluginEntry(typeof(JobStreamPlugin))]

namespace BlockHost.Plugins.Job.Stream;

/// <summary>The job that copies backing files into an image, and block-stream, which starts it.</summary>
public sealed class JobStreamPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        var type = new StreamJobType();
        registry.Add(type);
        registry.Add(BlockStreamCommand.Create(type));
    }
}
