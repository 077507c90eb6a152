// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Copying;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Commit;

/// <summary>What a user asks for beside the images.</summary>
internal sealed record CommitRequest
{
    public required CommitJobType Type { get; init; }

    public required string Id { get; init; }

    public JobFlags Flags { get; init; }

    /// <summary>Bytes a second; 0: no limit.</summary>
    public long Speed { get; init; }

    public BlockdevOnError OnError { get; init; }

    /// <summary>What overlays are to record as the base's name; null: the base's file name.</summary>
    public string? BackingFile { get; init; }

    public string? FilterNodeName { get; init; }
}

/// <summary>
/// The images of a commit:
/// <code>
///   Active ─► … ─► Top ─► … ─► Base          Active may be Top itself
///                  └ goes down ┘
/// </code>
/// </summary>
internal sealed record CommitChain(IGraphNode Active, IGraphNode Top, IGraphNode Base)
{
    /// <summary>From the top to the layer above the base, filters included.</summary>
    public IReadOnlyList<IGraphNode> Committed { get; } = [.. BackingChain.Layers(Top, Base)];

    /// <summary>Depths of a chain status, asked of the top, that go down.</summary>
    public int Depths { get; } = BackingChain.DepthsAbove(Top, Base);

    /// <summary>The images that have the node as their backing file.</summary>
    public static IReadOnlyList<IGraphNode> OverlaysOf(IGraphNode node) =>
        [.. node.Parents.Where(edge => (edge.Role & BlockChildRole.CopyOnWrite) != 0).Select(edge => edge.Parent!)];

    /// <summary>
    /// What a job asks for on each of them. While data goes down, an image in between may read as something that never was:
    /// nobody else reads it. Filters of the base show what it shows.
    /// </summary>
    public IEnumerable<(IGraphNode Layer, BlockPermissionSet Permissions)> Holds
    {
        get
        {
            const BlockPermissions writes = BlockPermissions.Write | BlockPermissions.WriteUnchanged;
            return Committed.Select(
                (layer, i) =>
                    (layer, new BlockPermissionSet(
                        BlockPermissions.None, i < Depths ? writes : writes | BlockPermissions.ConsistentRead)));
        }
    }
}
