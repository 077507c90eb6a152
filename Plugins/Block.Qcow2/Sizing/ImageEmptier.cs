// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Sizing;

/// <summary>
/// Forgets all guest data of the active disk. Entries go first and the clusters only after the entries are durably gone,
/// so that a power cut leaks clusters at worst. Snapshots keep what they refer to.
/// </summary>
internal sealed class ImageEmptier(Qcow2Image image)
{
    private readonly ClusterGeometry _geometry = image.Geometry;

    public async ValueTask MakeEmptyAsync(CancellationToken cancellationToken)
    {
        await image.File.FireAsync(BlkdebugEvent.EmptyImagePrepare, cancellationToken).ConfigureAwait(false);
        var end = _geometry.ClustersFor(image.Length) << _geometry.ClusterBits;
        await image.Zeroes.DropAsync(0, end, cancellationToken).ConfigureAwait(false);
        await new ImageResizer(image).GiveBackBehindAsync(0).ConfigureAwait(false);
    }
}
