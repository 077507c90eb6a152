// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Commands.Block;
using BlockHost.Plugins.Commands.Block.Commands;
using BlockHost.Plugins.Commands.Block.Commands.Bitmaps;

[assembly: PluginEntry(typeof(CommandsBlockPlugin))]

namespace BlockHost.Plugins.Commands.Block;

/// <summary>The commands that build, change and query the block graph.</summary>
public sealed class CommandsBlockPlugin : Plugin
{
    public override PluginIdentity Identity { get; } =
        new("commands.block", "0.1.0", "QMP commands that build, change and query the block graph");

    public override void Register(IPluginRegistry registry)
    {
        var (snapshotSync, snapshot, internalSnapshot) = (new SnapshotSyncAction(), new SnapshotAction(), new InternalSnapshotAction());
        registry.Add(new BlockdevAddCommand());
        registry.Add(GraphCommands.BlockdevDel());
        registry.Add(GraphCommands.BlockdevReopen());
        registry.Add(GraphCommands.BlockResize());
        registry.Add(GraphCommands.SetWriteThreshold());
        registry.Add(SnapshotCommands.SnapshotSync(snapshotSync));
        registry.Add(SnapshotCommands.Snapshot(snapshot));
        registry.Add(snapshotSync);
        registry.Add(snapshot);
        registry.Add(InternalSnapshots.Take(internalSnapshot));
        registry.Add(internalSnapshot);
        registry.Add(InternalSnapshots.Delete());
        registry.Add(SnapshotCommands.ChangeBackingFile());
        registry.Add(QueryCommands.NamedBlockNodes());
        registry.Add(QueryCommands.Block());
        registry.Add(QueryCommands.BlockStats());
        registry.Add(DebugGraphCommand.Create());
        registry.Add(BitmapSha256Command.Create());
        foreach (var action in BitmapActions.All())
        {
            registry.Add(action);
            registry.Add(action.AsCommand());
        }
    }
}
