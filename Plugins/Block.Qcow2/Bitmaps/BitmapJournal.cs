// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Bitmaps;

/// <summary>
/// Keeps the bitmaps in the image at least as full as those in memory: what a write is about to touch is marked first.
/// </summary>
/// <remarks>
/// <code>
/// write ──all marked?──yes──────────────────────────────► data
///              └──no──► bits of all that wait ─barrier─► data
/// </code>
/// Bits are only ever set in place, so a sector that is torn holds old bits and new ones, either of which will do: the data
/// comes after the barrier. Anything else (a bitmap cleared, added, of another size) is a new directory with new clusters.
/// </remarks>
internal sealed class BitmapJournal(Qcow2Node node) : IBitmapJournal, IDisposable
{
    private readonly List<(long Offset, long Bytes)> _wanted = [];
    private JournalledBitmap[] _followed = [];

    /// <summary>Held while what the image has of its bitmaps changes. Taken before all other locks.</summary>
    public MetadataLock Gate { get; } = new();

    public bool IsFollowing => _followed.Length > 0;

    /// <summary>The range can be written as it is.</summary>
    public bool Covers(long offset, long bytes)
    {
        foreach (var bitmap in Volatile.Read(ref _followed))
        {
            if (bitmap.IsRecording && !bitmap.Covers(offset, bytes)) return false;
        }
        return true;
    }

    /// <summary>Marks a range that is about to be written. Those who wait meanwhile share the next barrier.</summary>
    public async ValueTask MarkAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        lock (_wanted) _wanted.Add((offset, bytes));
        using (await Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
        {
            if (Covers(offset, bytes)) return;
            List<(long, long)> ranges;
            lock (_wanted)
            {
                // One's own may have been taken by somebody whose write failed.
                ranges = [.. _wanted, (offset, bytes)];
                _wanted.Clear();
            }
            await WriteAsync(ranges).ConfigureAwait(false);
        }
    }

    public async ValueTask FollowAsync(IReadOnlyList<FollowedBitmap> bitmaps, CancellationToken cancellationToken)
    {
        var image = node.Image;

        // A reopen can have taken the option away.
        if (!image.Settings.BitmapCheckpoint) bitmaps = [];
        using (await Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
            await RewriteAsync([.. bitmaps.Select(b => JournalledBitmap.Of(b, image.Length))], cancellationToken)
                .ConfigureAwait(false);
    }

    /// <summary>Writes all bits anew, for a disk of the size it has now. Nothing is in flight if that is another.</summary>
    public async ValueTask RewriteAsync(CancellationToken cancellationToken)
    {
        if (!IsFollowing) return;
        using (await Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
        {
            var length = node.Image.Length;
            await RewriteAsync([.. _followed.Select(b => b.Resized(length))], cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Those that stay when one of them is removed. Under the gate.</summary>
    public JournalledBitmap[] Without(string name) => [.. _followed.Where(b => b.Name != name)];

    /// <summary>The image has these from now on. Under the gate.</summary>
    public void Take(JournalledBitmap[] followed) => Volatile.Write(ref _followed, followed);

    /// <summary>Bits have other places in the image. Under the gate.</summary>
    public void Moved(IReadOnlyDictionary<string, ulong[]> places)
    {
        foreach (var bitmap in _followed) bitmap.Places = places.GetValueOrDefault(bitmap.Name) ?? bitmap.Places;
    }

    public void Dispose() => Gate.Dispose();

    private async ValueTask RewriteAsync(JournalledBitmap[] next, CancellationToken cancellationToken)
    {
        var store = new BitmapStore(node.Image, this);
        try
        {
            await store.FollowAsync(next, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            // What is there does not follow any more, so nothing may say that it does.
            Take([]);
            await store.MarkInUseAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
        Take(next);

        // What the old ones took is free at once: a crash would find nothing lost.
        await node.Image.Flusher.SettleAsync().ConfigureAwait(false);
    }

    private async ValueTask WriteAsync(List<(long Offset, long Bytes)> ranges)
    {
        var image = node.Image;
        var staged = _followed.Where(b => b.IsRecording).Select(b => (Bitmap: b, Sectors: b.Stage(ranges))).ToArray();
        var writes = staged.SelectMany(s => s.Bitmap.WritesOf(s.Sectors, image.Geometry)).ToList();
        foreach (var write in writes) image.Guard.CheckWrite(write.Offset, write.Data.Length);
        await PendingWrite.WriteAllAsync(image.File, writes).ConfigureAwait(false);
        await image.File.FlushAsync().ConfigureAwait(false);
        foreach (var (bitmap, sectors) in staged) bitmap.Publish(sectors);
    }
}
