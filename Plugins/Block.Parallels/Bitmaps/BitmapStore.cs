// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Parallels.Format;

namespace BlockHost.Plugins.Block.Parallels.Bitmaps;

/// <summary>
/// The dirty bitmaps of an image, in its format extension. Their names are their ids. The format has no mark for one that is out
/// of date, so the extension goes before the image is written, and a new one comes when it will not be written any more:
/// <code>
///   header without extension ─► flush ─► … writes … ─► bits, extension ─► flush ─► header with it ─► flush
/// </code>
/// </summary>
/// <param name="extension">What the image had when it was opened; null: nothing that can be understood.</param>
internal sealed class BitmapStore(ParallelsImage image, FormatExtension? extension) : IBitmapStore
{
    private readonly SemaphoreSlim _lock = new(1);
    private IReadOnlyList<RecordedBitmap> _recorded = extension?.Bitmaps ?? [];

    /// <summary>The header points at an extension, whatever is in it.</summary>
    public bool HasExtension => image.Header.ExtensionSector != 0;

    public ValueTask<IReadOnlyList<StoredBitmap>> ListAsync(CancellationToken cancellationToken)
    {
        // Where nobody closed the image they are out of date.
        var listed = _recorded.Select(
            bitmap => new StoredBitmap(bitmap.Name, bitmap.UnitBytes, InUse: image.WasLeftOpen, Auto: true));
        return new([.. listed]);
    }

    public ValueTask LoadAsync(StoredBitmap stored, IDirtyBitmap target, CancellationToken cancellationToken) =>
        BitmapBits.LoadAsync(image, _recorded.First(known => known.Name == stored.Name), target, cancellationToken);

    public ValueTask MarkInUseAsync(CancellationToken cancellationToken) => DropAsync(cancellationToken);

    public ValueTask CheckNewAsync(
        string name, long granularity, IReadOnlyList<IDirtyBitmap> unsaved, CancellationToken cancellationToken)
    {
        RequireId(name);
        var known = _recorded.Where(bitmap => unsaved.All(other => other.Name != bitmap.Name))
            .Select(bitmap => bitmap.Clusters.Count)
            .Concat(unsaved.Select(bitmap => BitmapBits.ClustersFor(image, bitmap.Granularity)));
        FormatExtension.RequireRoom([.. known, BitmapBits.ClustersFor(image, granularity)], image.BlockSize);
        return granularity <= FormatExtension.LargestUnit
            ? ValueTask.CompletedTask
            : throw new BlockException(
                BlockErrorKind.InvalidArgument, $"Granularity may be at most {FormatExtension.LargestUnit} in a Parallels image");
    }

    public async ValueTask StoreAsync(IReadOnlyList<IDirtyBitmap> bitmaps, CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var all = _recorded.Where(bitmap => bitmaps.All(other => other.Name != bitmap.Name)).ToList();
            foreach (var bitmap in bitmaps)
                all.Add(
                    await BitmapBits.SaveAsync(image, RequireId(bitmap.Name!), bitmap, cancellationToken).ConfigureAwait(false));
            await RecordAsync(all, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _lock.Release();
        }
    }

    public async ValueTask RemoveAsync(string name, CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_recorded.Any(bitmap => bitmap.Name == name))
                await RecordAsync([.. _recorded.Where(bitmap => bitmap.Name != name)], cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _lock.Release();
        }
    }

    /// <summary>On disk before any change is: bitmaps that do not know of it are never read again.</summary>
    public async ValueTask DropAsync(CancellationToken cancellationToken)
    {
        if (!HasExtension)
            return;
        await _lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (HasExtension)
                await PointAtAsync(0, cancellationToken).ConfigureAwait(false);
            _recorded = [];
            image.ReservedEnd = 0;
        }
        finally
        {
            _lock.Release();
        }
    }

    private async ValueTask RecordAsync(IReadOnlyList<RecordedBitmap> bitmaps, CancellationToken cancellationToken)
    {
        if (bitmaps.Count == 0)
        {
            await PointAtAsync(0, cancellationToken).ConfigureAwait(false);
            (_recorded, image.ReservedEnd) = (bitmaps, 0);
            return;
        }

        var content = new FormatExtension(bitmaps, IsNecessary: false).ToBytes((int)image.BlockSize);
        var place = await image.TakeClusterAsync(cancellationToken).ConfigureAwait(false);
        await image.File.WriteAsync(place, content, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        await PointAtAsync(place, cancellationToken).ConfigureAwait(false);
        (_recorded, image.ReservedEnd) = (bitmaps, place + image.BlockSize);
    }

    private async ValueTask PointAtAsync(long place, CancellationToken cancellationToken)
    {
        await image.MarkOpenAsync(cancellationToken).ConfigureAwait(false);
        var header = image.Header with { ExtensionSector = (ulong)(place / ParallelsHeader.SectorSize) };
        await image.WriteHeaderAsync(header, cancellationToken).ConfigureAwait(false);
        await image.File.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static Guid RequireId(string name) => Guid.TryParseExact(name, "D", out var id) && id.ToString() == name
        ? id
        : throw new BlockException(
            BlockErrorKind.InvalidArgument,
            "Bitmaps in Parallels images are named by ids such as '6ba7b810-9dad-11d1-80b4-00c04fd430c8'");
}
