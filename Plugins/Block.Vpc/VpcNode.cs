// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vpc.Maintenance;

namespace BlockHost.Plugins.Block.Vpc;

/// <summary>Facet of a node of this driver: what its differencing images know it by.</summary>
internal interface IVpcIdentity
{
    Guid Id { get; }
}

/// <summary>An open image.</summary>
internal sealed class VpcNode : DiskNode, IVpcIdentity, IResizable
{
    private readonly DiskImage _disk;
    private readonly BackingFileReference? _parent;

    public VpcNode(IBlockNodeContext context, DiskImage disk, BackingFileReference? parent)
        : base(context, disk) => (_disk, _parent) = (disk, parent);

    public Guid Id => (_disk as DynamicDisk)?.Footer.Id ?? ((FixedDisk)_disk).Footer.Id;

    protected override bool IsDifferencing => _disk is DifferencingDisk;

    public override ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) =>
        new(new ImageFacts { ClusterSize = _disk.BlockSize, Dirty = false, Backing = _parent });

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await ImageResizer.ResizeAsync(_disk, length, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            RefreshProfile();
        }
    }
}
