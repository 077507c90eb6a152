// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>One step of a compaction.</summary>
/// <param name="Moved">Bytes that the step has moved.</param>
/// <param name="Remaining">Bytes that are still to be moved, as far as can be told.</param>
public readonly record struct CompactionStep(long Moved, long Remaining)
{
    /// <summary>Something that had to stay where it is, and why.</summary>
    public string? Left { get; init; }
}

/// <summary>
/// Facet of a node: moves what an image holds at the end of its storage into free places before, and cuts the storage. Requests
/// go on meanwhile.
/// </summary>
public interface IImageCompaction
{
    /// <summary>
    /// Works from one item to the next; in between the image is whole, and nothing is under way. It may end at any item, or be
    /// cancelled: what was moved by then stays moved. Once at a time.
    /// </summary>
    /// <exception cref="BlockException">
    /// The image is as it was before the step that failed, but for space that may be lost.
    /// </exception>
    IAsyncEnumerable<CompactionStep> CompactAsync(CancellationToken cancellationToken);
}
