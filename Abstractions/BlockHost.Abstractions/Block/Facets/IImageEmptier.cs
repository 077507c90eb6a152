// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>
/// Gives up everything an image stores itself, so that all of it reads as its backing file. The node is drained.
/// </summary>
public interface IImageEmptier
{
    /// <remarks>Interrupted at any point, some ranges still read as before and the others as the backing file.</remarks>
    ValueTask MakeEmptyAsync(CancellationToken cancellationToken);
}
