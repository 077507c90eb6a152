// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Core.Block.Opening;

/// <summary>The driver that stores what a plain path leads to: the one with the empty file name prefix says which.</summary>
public static class PathStorage
{
    public static async ValueTask<string> DriverOfAsync(IDriverSource drivers, string path, CancellationToken cancellationToken)
    {
        var owner = drivers.FindByPrefix("")
            ?? throw new BlockException(BlockErrorKind.InvalidArgument, $"No block driver stores files, such as '{path}'");
        using var lease = await drivers.AcquireAsync(owner, "a file name", cancellationToken).ConfigureAwait(false);
        return lease is not null && lease.Driver.TryGetFacet<IPathStore>(out var store) ? store.DriverOf(path) : owner;
    }
}
