// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;

namespace BlockHost.Block.Facets;

/// <summary>A bitmap that an image is to follow.</summary>
/// <param name="Successor">Marks new writes while a job works from the bitmap; what both hold counts.</param>
public sealed record FollowedBitmap(IDirtyBitmap Bitmap, IDirtyBitmap? Successor);

/// <summary>
/// Facet of a node beside <see cref="IBitmapStore"/>, where the user has asked for it: the image follows its bitmaps while it
/// is in use, so that they outlive a crash. What the image holds is at any time at least what was marked.
/// </summary>
public interface IBitmapJournal
{
    /// <summary>
    /// The image holds these bitmaps as they are now, and no others as usable ones; from now on the driver marks in it whatever
    /// is about to be written. Called in place of <see cref="IBitmapStore.MarkInUseAsync"/>, and again when bitmaps were changed
    /// otherwise than by writes. Nothing is in flight on the node. <see cref="IBitmapStore.StoreAsync"/> ends it.
    /// </summary>
    /// <exception cref="BlockException">
    /// It cannot; then the image's bitmaps are merely in use, as without a journal.
    /// </exception>
    ValueTask FollowAsync(IReadOnlyList<FollowedBitmap> bitmaps, CancellationToken cancellationToken);
}
