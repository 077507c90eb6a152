// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Graph;

/// <summary>Operations of the control plane that another user of a node can keep from being done to it.</summary>
[Flags]
public enum BlockOperations
{
    None = 0,
    BackupSource = 1,
    BackupTarget = 2,
    CommitSource = 4,
    CommitTarget = 8,
    DeleteNode = 16,
    ExternalSnapshot = 32,
    InternalSnapshot = 64,
    InternalSnapshotDelete = 128,
    MirrorSource = 256,
    MirrorTarget = 512,
    Resize = 1024,
    Stream = 2048,
    Replace = 4096,

    /// <summary>What none of the names above fits: a job of a third party's.</summary>
    Other = 8192,

    /// <summary>Also those that come later.</summary>
    All = ~None,
}
