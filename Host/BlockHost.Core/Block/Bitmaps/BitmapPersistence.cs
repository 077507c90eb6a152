// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;

namespace BlockHost.Core.Block.Bitmaps;

/// <summary>
/// When bitmaps go to the image and come from it: while nobody else can find the node, or under the graph's lock.
/// <code>
///   open for reading ─► load, read-only          open for writing ─► load, mark in use
///   becomes writable ─► mark in use              becomes read-only, closes ─► store
///   becomes active ─► as when opened             becomes inactive ─► store, forget
/// </code>
/// A daemon that dies leaves its bitmaps marked in use: the next one knows not to trust them.
/// </summary>
internal static class BitmapPersistence
{
    public static ValueTask LoadAsync(NodeBitmaps bitmaps, CancellationToken cancellationToken) =>
        LoadAsync(bitmaps, static _ => true, cancellationToken);

    /// <summary>
    /// The node is active again. What was handed over to another host that did not take it, or was handed over by another host,
    /// is there: the image's copy is older.
    /// </summary>
    public static async ValueTask LoadBesideAsync(NodeBitmaps bitmaps, CancellationToken cancellationToken)
    {
        foreach (var bitmap in bitmaps.All)
            bitmap.IsHandedOver = false;
        await LoadAsync(bitmaps, entry => bitmaps.Find(entry.Name) is null, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask LoadAsync(
        NodeBitmaps bitmaps, Predicate<StoredBitmap> isWanted, CancellationToken cancellationToken)
    {
        var node = bitmaps.Node;
        if (!node.TryGetFacet<IBitmapStore>(out var store))
            return;
        var stored = await store.ListAsync(cancellationToken).ConfigureAwait(false);
        foreach (var entry in stored.Where(entry => isWanted(entry)))
        {
            DirtyBitmap.CheckSize(node.Length, entry.Granularity);
            var bitmap = new DirtyBitmap(bitmaps, entry.Name, entry.Granularity, node.Length)
            {
                IsPersistent = true,
                IsInconsistent = entry.InUse,
                IsReadOnly = node.ReadOnly,
                IsEnabled = entry is { Auto: true, InUse: false },
            };
            if (!entry.InUse)
                await store.LoadAsync(entry, bitmap, cancellationToken).ConfigureAwait(false);
            bitmaps.Insert(bitmap);
        }

        if (stored.Count > 0 && !node.ReadOnly)
            await TakeIntoUseAsync(bitmaps, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The image is about to be written: what it holds of its bitmaps is marked as out of date, or follows them.
    /// </summary>
    public static async ValueTask TakeIntoUseAsync(NodeBitmaps bitmaps, CancellationToken cancellationToken)
    {
        if (bitmaps.Node.TryGetFacet<IBitmapJournal>(out var journal))
        {
            var followed = Persistent(bitmaps).Reverse().Select(bitmap => new FollowedBitmap(bitmap, bitmap.Successor));
            await journal.FollowAsync([.. followed], cancellationToken).ConfigureAwait(false);
        }
        else if (bitmaps.Node.TryGetFacet<IBitmapStore>(out var store))
        {
            await store.MarkInUseAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public static async ValueTask CheckNewAsync(
        NodeBitmaps bitmaps, string name, long granularity, CancellationToken cancellationToken)
    {
        var node = bitmaps.Node;
        if (!node.TryGetFacet<IBitmapStore>(out var store))
            throw new BlockException(
                BlockErrorKind.NotSupported, $"Can't store persistent bitmaps to {node.Name}: Operation not supported");
        if (bitmaps.Find(name) is not null)
            return;
        try
        {
            await store.CheckNewAsync(name, granularity, Persistent(bitmaps), cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                $"Can't make bitmap '{name}' persistent in '{node.Name}': {e.Message}",
                innerException: e);
        }
    }

    /// <summary>The image will not be written any more.</summary>
    public static async ValueTask StoreAsync(NodeBitmaps bitmaps, CancellationToken cancellationToken)
    {
        var persistent = Persistent(bitmaps);
        if (persistent.Count > 0 && bitmaps.Node.TryGetFacet<IBitmapStore>(out var store))
            await store.StoreAsync(persistent, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The node closes.</summary>
    public static ValueTask StoreAtEndAsync(NodeBitmaps bitmaps)
    {
        if (!bitmaps.Node.ReadOnly)
            return StoreAsync(bitmaps, CancellationToken.None);
        if (Persistent(bitmaps).Count > 0)
            throw new BlockException(BlockErrorKind.PermissionDenied, "No write access");
        return ValueTask.CompletedTask;
    }

    /// <summary>The image, stored a moment ago, will not be written any more.</summary>
    public static void BecomeReadOnly(NodeBitmaps bitmaps)
    {
        foreach (var bitmap in bitmaps.All.Where(bitmap => bitmap.IsPersistent))
            bitmap.IsReadOnly = true;
    }

    /// <summary>The image, stored a moment ago, is another process's from now on, with its bitmaps.</summary>
    public static void Forget(NodeBitmaps bitmaps)
    {
        foreach (var bitmap in bitmaps.All.Where(bitmap => bitmap is { IsPersistent: true, IsHandedOver: false, IsBusy: false }))
            bitmaps.Release(bitmap);
    }

    /// <summary>The image may be written from now on.</summary>
    public static async ValueTask BecomeWritableAsync(NodeBitmaps bitmaps, CancellationToken cancellationToken)
    {
        if (!bitmaps.Node.TryGetFacet<IBitmapStore>(out var store))
            return;
        foreach (var bitmap in bitmaps.All)
            bitmap.IsReadOnly = false;
        if ((await store.ListAsync(cancellationToken).ConfigureAwait(false)).Count > 0)
            await TakeIntoUseAsync(bitmaps, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A node cannot take another length while the image holds a bitmap that would not follow.</summary>
    /// <exception cref="BlockException">There is one, with QEMU's text.</exception>
    public static void CheckResize(NodeBitmaps bitmaps)
    {
        foreach (var bitmap in bitmaps.All.Where(bitmap => bitmap.IsPersistent).Reverse())
            bitmap.RequireUsable(BitmapUse.Modify);
    }

    // A read-only bitmap is in the image as it is, and an inconsistent one stays there as it is.
    private static IReadOnlyList<DirtyBitmap> Persistent(NodeBitmaps bitmaps) =>
        [.. bitmaps.All.Where(bitmap => bitmap is
            { IsPersistent: true, IsInconsistent: false, IsReadOnly: false, SkipsStore: false, IsHandedOver: false })];
}
