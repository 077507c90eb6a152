// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;

namespace BlockHost.Block.Bitmaps;

/// <summary>
/// The dirty bitmaps of one node, kept by the host. It loads those of an image when the node opens and stores them when
/// the node closes or becomes read-only; a node whose driver has <see cref="Facets.IBitmapStore"/> can have persistent ones.
/// </summary>
public interface IDirtyBitmaps
{
    IGraphNode Node { get; }

    /// <summary>Newest first; those without a name are jobs' own.</summary>
    IReadOnlyList<IDirtyBitmap> All { get; }

    /// <summary>All that have a name, newest first.</summary>
    IReadOnlyList<IDirtyBitmap> Named { get; }

    IDirtyBitmap? Find(string name);

    /// <summary>Bytes of a unit where the user does not say: the image's cluster size within 4 KiB and 64 KiB.</summary>
    ValueTask<long> GetDefaultGranularityAsync(CancellationToken cancellationToken);

    /// <summary>block-dirty-bitmap-add. Writes that start after it are marked.</summary>
    /// <exception cref="BlockException">With QEMU's text.</exception>
    ValueTask<IDirtyBitmap> AddAsync(DirtyBitmapOptions options, CancellationToken cancellationToken);

    /// <summary>
    /// A bitmap without a name for a job, clean; dispose it to let go. Writes that start after it are marked: drain the
    /// node around it where those in flight matter.
    /// </summary>
    IDirtyBitmap CreateAnonymous(long granularity, bool enabled = true);

    /// <summary>
    /// First half of block-dirty-bitmap-remove: takes a stored copy out of the image, and keeps the bitmap for the second,
    /// which is either commit or abort.
    /// </summary>
    ValueTask<IBitmapRemoval> BeginRemovalAsync(IDirtyBitmap bitmap, CancellationToken cancellationToken);

    /// <summary>
    /// Has the image follow a change of its bitmaps that was no write, where its driver does that
    /// (<see cref="Facets.IBitmapJournal"/>). For whoever has added, removed or changed bitmaps, once that is done. What keeps
    /// the image from following is a warning: the bitmaps themselves are not concerned.
    /// </summary>
    ValueTask CheckpointAsync(CancellationToken cancellationToken);
}

public interface IBitmapRemoval
{
    /// <summary>The bitmap is gone.</summary>
    void Commit();

    /// <summary>The bitmap is as before; a persistent one will be stored again.</summary>
    void Abort();
}

public sealed record DirtyBitmapOptions
{
    public required string Name { get; init; }

    /// <summary>Bytes of a unit; null: <see cref="IDirtyBitmaps.GetDefaultGranularityAsync"/>.</summary>
    public long? Granularity { get; init; }

    public bool Persistent { get; init; }

    public bool Disabled { get; init; }
}
