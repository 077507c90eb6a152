// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;

namespace BlockHost.Block.Facets;

/// <summary>A bitmap as an image records it.</summary>
/// <param name="Granularity">Bytes of a unit.</param>
/// <param name="InUse">Its user died or is at work: what the image holds is out of date.</param>
/// <param name="Auto">Recording goes on when the image is opened for writing.</param>
public sealed record StoredBitmap(string Name, long Granularity, bool InUse, bool Auto);

/// <summary>
/// Facet of a node: dirty bitmaps in the image. The host decides when; the driver writes so that after a crash at any
/// point a bitmap is either what was stored or marked in use.
/// </summary>
public interface IBitmapStore
{
    /// <summary>
    /// Those that the host can use, in the image's order. What the driver does not understand is kept and not listed.
    /// </summary>
    ValueTask<IReadOnlyList<StoredBitmap>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Adds what the image holds to a clean bitmap.</summary>
    ValueTask LoadAsync(StoredBitmap stored, IDirtyBitmap target, CancellationToken cancellationToken);

    /// <summary>The image is about to be written: marks all its bitmaps in use, durable when this returns.</summary>
    ValueTask MarkInUseAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Whether one more bitmap can be stored beside those of the image and the <paramref name="unsaved"/> ones.
    /// </summary>
    /// <exception cref="BlockException">It cannot, with QEMU's text.</exception>
    ValueTask CheckNewAsync(
        string name, long granularity, IReadOnlyList<IDirtyBitmap> unsaved, CancellationToken cancellationToken);

    /// <summary>
    /// Stores the bitmaps, which are not in use then: replaces those of the same name, adds the others, keeps the rest as it is.
    /// </summary>
    ValueTask StoreAsync(IReadOnlyList<IDirtyBitmap> bitmaps, CancellationToken cancellationToken);

    /// <summary>Removes a bitmap; without one of that name nothing happens.</summary>
    ValueTask RemoveAsync(string name, CancellationToken cancellationToken);
}
