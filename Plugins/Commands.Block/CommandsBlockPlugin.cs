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
    public override void Register(IPluginRegistry registry)
    {
        var (snapshotSync, snapshot, internalSnapshot) = (
            new SnapshotSyncAction(), new SnapshotAction(), new InternalSnapshotAction());
        registry.Add(new BlockdevAddCommand());
        registry.Add(GraphCommands.BlockdevDel());
        registry.Add(GraphCommands.BlockdevReopen());
        registry.Add(GraphCommands.BlockdevSetActive());
        registry.Add(PasswordCommand.Create());
        registry.Add(GraphCommands.BlockdevChange());
        registry.Add(SetIoThreadCommand.Create());
        registry.Add(GraphCommands.BlockResize());
        registry.Add(GraphCommands.SetWriteThreshold());
        registry.Add(snapshotSync.AsCommand());
        registry.Add(snapshot.AsCommand(features: ["allow-write-only-overlay"]));
        registry.Add(snapshotSync);
        registry.Add(snapshot);
        registry.Add(internalSnapshot.AsCommand());
        registry.Add(internalSnapshot);
        registry.Add(DeleteInternalSnapshotCommand.Create());
        registry.Add(ChangeBackingFileCommand.Create());
        registry.Add(QueryCommands.NamedBlockNodes());
        registry.Add(QueryCommands.Block());
        registry.Add(QueryCommands.BlockStats());
        registry.Add(DebugGraphCommand.Create());
        registry.Add(BitmapSha256Command.Create());
        registry.Add(DriveCommands.Tray());
        registry.Add(DriveCommands.Scsi());
        BitmapActions.Register(registry);
    }
}
