// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Commands.Job;
using BlockHost.Plugins.Commands.Job.Commands;

[assembly: PluginEntry(typeof(CommandsJobPlugin))]

namespace BlockHost.Plugins.Commands.Job;

/// <summary>The commands that steer and query background jobs, and the transaction command.</summary>
public sealed class CommandsJobPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        JobCommands.Register(registry);
        BlockJobCommands.Register(registry);
        registry.Add(TransactionCommand.Create());
        registry.Add(new AbortAction());
    }
}
