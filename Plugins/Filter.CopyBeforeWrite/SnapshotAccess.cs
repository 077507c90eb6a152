// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;

namespace BlockHost.Plugins.Filter.CopyBeforeWrite;

/// <summary>The driver "snapshot-access": reads a disk as it was when the copy-before-write node under it was opened.</summary>
internal sealed class SnapshotAccessDriver : BlockDriver<SnapshotAccessOptions>
{
    public override string FormatName => "snapshot-access";

    public override BlockDriverKind Kind => BlockDriverKind.Format;

    protected override JsonTypeInfo<SnapshotAccessOptions> TypedOptionsType => CopyBeforeWriteJson.Default.SnapshotAccessOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, SnapshotAccessOptions options, CancellationToken cancellationToken)
    {
        var child = await context.OpenChildAsync(
            "file", BlockChildRole.Data | BlockChildRole.Primary, options.File, cancellationToken).ConfigureAwait(false);
        return new SnapshotAccessNode(child);
    }
}

internal sealed class SnapshotAccessNode(IBlockChild child) : BlockNode
{
    public override BlockProfile Profile => new()
    {
        Length = child.Length,
        Limits = child.Profile.Limits with { RequestAlignment = 1 },
        Status = Support.Native,
    };

    public override string? FileName => child.FileName;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        Snapshot.ReadAsync(offset, target, cancellationToken);

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        Snapshot.GetStatusAsync(offset, bytes, precision, cancellationToken);

    /// <summary>The disk goes on being written; what is read here does not depend on it.</summary>
    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own) =>
        BlockPermissionSet.None;

    private Snapshot Snapshot => child.TryGetFacet<SnapshotNode>(out var node)
        ? node.Snapshot
        : throw new BlockException(BlockErrorKind.NotSupported, $"Node '{child.NodeName}' keeps no snapshot");
}
