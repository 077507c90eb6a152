// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Job.Backup;
using BlockHost.Plugins.Job.Backup.Commands;

[assembly: PluginEntry(typeof(JobBackupPlugin))]

namespace BlockHost.Plugins.Job.Backup;

/// <summary>
/// The job that copies a disk as it is at one moment, with blockdev-backup and drive-backup, by themselves and in transactions.
/// </summary>
public sealed class JobBackupPlugin : Plugin
{
    public override void Register(IPluginRegistry registry)
    {
        var type = new BackupJobType();
        var (toNode, toFile) = (new BlockdevBackupAction(type), new DriveBackupAction(type));
        registry.Add(type);
        registry.Add(toNode);
        registry.Add(toNode.AsCommand());
        registry.Add(toFile);
        registry.Add(toFile.AsCommand());
    }
}
