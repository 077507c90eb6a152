// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Filter.Compress;

/// <summary>Clusters are compressed as a whole: the host completes smaller writes to that.</summary>
/// <param name="clusterSize">0: the image has none.</param>
internal sealed class CompressNode(IBlockChild child, long clusterSize) : BlockFilterNode(child), IResizable
{
    /// <summary>A plain name would open the image without compression.</summary>
    public override string? FileName => null;

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        Child.WriteAsync(offset, source, flags | WriteFlags.Compressed, cancellationToken);

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) =>
        Child.ResizeAsync(length, options, cancellationToken);

    /// <summary>The last cluster cannot be completed where the image ends inside it.</summary>
    public override ValueTask PreparePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken)
    {
        var writes = (permissions.Needed & (BlockPermissions.Write | BlockPermissions.WriteUnchanged)) != 0;
        if (!writes || (permissions.Needed & BlockPermissions.Resize) != 0 || Child.Length % Profile.Limits.RequestAlignment == 0)
            return ValueTask.CompletedTask;
        var which = (permissions.Needed & BlockPermissions.Write) != 0 ? "write" : "write-unchanged";
        throw new BlockException(
            BlockErrorKind.PermissionDenied,
            $"Cannot get '{which}' permission without 'resize': Image size is not a multiple of request alignment");
    }

    protected override BlockProfile ProfileOver(BlockProfile child, long length) => child with
    {
        Length = length,
        Limits = child.Limits with { RequestAlignment = (int)Math.Max(child.Limits.RequestAlignment, clusterSize) },
        Fua = Support.Emulate,
        Status = Support.Native,
    };
}
