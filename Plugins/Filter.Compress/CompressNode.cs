// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Filter.Compress;

/// <summary>Clusters are compressed as a whole: the host completes smaller writes to that.</summary>
internal sealed class CompressNode : BlockFilterNode, IResizable
{
    private readonly long _clusterSize;
    private (BlockProfile Child, long Length, BlockProfile Own) _profile;

    /// <param name="clusterSize">0: the image has none.</param>
    internal CompressNode(IBlockChild child, long clusterSize)
        : base(child)
    {
        _clusterSize = clusterSize;
        _profile = (child.Profile, child.Length, OwnProfile());
    }

    public override BlockProfile Profile
    {
        get
        {
            var known = _profile;
            if (!ReferenceEquals(known.Child, Child.Profile) || known.Length != Child.Length)
                _profile = known = (Child.Profile, Child.Length, OwnProfile());
            return known.Own;
        }
    }

    /// <summary>A plain name would open the image without compression.</summary>
    public override string? FileName => null;

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        Child.WriteAsync(offset, source, flags | WriteFlags.Compressed, cancellationToken);

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) => Child.ResizeAsync(length, options, cancellationToken);

    /// <summary>The last cluster cannot be completed where the image ends inside it.</summary>
    public override ValueTask PreparePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken)
    {
        var writes = (permissions.Needed & (BlockPermissions.Write | BlockPermissions.WriteUnchanged)) != 0;
        if (!writes || (permissions.Needed & BlockPermissions.Resize) != 0 || Child.Length % Profile.Limits.RequestAlignment == 0)
            return ValueTask.CompletedTask;
        var which = (permissions.Needed & BlockPermissions.Write) != 0 ? "write" : "write-unchanged";
        throw new BlockException(
            BlockErrorKind.PermissionDenied, $"Cannot get '{which}' permission without 'resize': Image size is not a multiple of request alignment");
    }

    private BlockProfile OwnProfile() => Child.Profile with
    {
        Length = Child.Length,
        Limits = Child.Profile.Limits with { RequestAlignment = (int)Math.Max(Child.Profile.Limits.RequestAlignment, _clusterSize) },
        Fua = Support.Emulate,
        Status = Support.Native,
    };
}
