// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Qcow2.Bitmaps;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Compaction;

/// <summary>
/// Moves bitmaps as the image holds them, whoever works with them: bits, then tables, then a directory, which the header names.
/// In a quiet image, under the journal's gate.
/// </summary>
internal sealed class BitmapMover(Qcow2Image image, BitmapJournal journal, long limit)
{
    private readonly ClusterGeometry _geometry = image.Geometry;
    private readonly List<ClusterRun> _taken = [];
    private readonly List<ClusterRun> _gone = [];

    /// <returns>Bytes moved.</returns>
    public async ValueTask<long> MoveAsync()
    {
        if (BitmapDirectory.Place(image.Header.Current) is not { } place) return 0;
        var entries = await BitmapDirectory.LoadAsync(image).ConfigureAwait(false);
        var places = new Dictionary<string, ulong[]>();
        try
        {
            for (var i = 0; i < entries.Count; i++)
                entries[i] = await MoveAsync(entries[i], places).ConfigureAwait(false);
            var directory = BitmapDirectory.Clusters(image, place.DirectoryOffset, place.DirectorySize);
            if (_taken.Count == 0 && directory.End <= limit) return 0;
            if (await TryTakeDirectoryAsync(place, entries).ConfigureAwait(false) is not { } next)
            {
                await ReleaseAsync().ConfigureAwait(false);
                return 0;
            }
            await BitmapDirectory.SwitchAsync(image, next, BitmapDirectory.Followed(image.Header.Current)).ConfigureAwait(false);
        }
        catch
        {
            await ReleaseAsync().ConfigureAwait(false);
            throw;
        }
        foreach (var run in _gone) image.Allocator.Retire(run);
        journal.Moved(places);
        return _taken.Sum(r => r.Count) << _geometry.ClusterBits;
    }

    /// <summary>A new table where it, or any bits, lie behind the limit and there is room for it.</summary>
    private async ValueTask<BitmapEntry> MoveAsync(BitmapEntry entry, Dictionary<string, ulong[]> places)
    {
        if (entry.TableEntries == 0) return entry;
        var bytes = (long)entry.TableEntries * sizeof(ulong);
        var old = BitmapDirectory.Clusters(image, entry.TableOffset, bytes);
        var table = await TopTable.LoadAsync(
            image.File, entry.TableOffset, entry.TableEntries, CancellationToken.None).ConfigureAwait(false);
        if (!table.All(e => BitmapEntry.IsTableEntry(e, _geometry)) || (old.End <= limit && !table.Any(IsBehind))) return entry;

        // A table that lies well still has to be written elsewhere.
        var room = old.End <= limit ? limit : old.First;
        if (await image.Allocator.TryAllocateBelowAsync(old.Count, room).ConfigureAwait(false) is not { } run) return entry;
        _taken.Add(run);
        for (var i = 0; i < table.Length; i++)
        {
            if (!IsBehind(table[i])
                || await image.Allocator.TryAllocateBelowAsync(1, limit).ConfigureAwait(false) is not { } bits) continue;
            _taken.Add(bits);
            var from = _geometry.ClusterIndex((long)(table[i] & BitmapEntry.OffsetMask));
            await ClusterCopy.RunAsync(image, from, bits).ConfigureAwait(false);
            _gone.Add(new ClusterRun(from, 1));
            table[i] = (ulong)(bits.First << _geometry.ClusterBits);
        }
        await WriteAsync(run, TopTable.Encode(table)).ConfigureAwait(false);
        _gone.Add(old);
        places[entry.Name] = table;
        return entry with { TableOffset = run.First << _geometry.ClusterBits };
    }

    private bool IsBehind(ulong entry) =>
        (entry & BitmapEntry.OffsetMask) is not 0 and var offset && _geometry.ClusterIndex((long)offset) >= limit;

    private async ValueTask<BitmapsExtension?> TryTakeDirectoryAsync(BitmapsExtension place, List<BitmapEntry> entries)
    {
        var old = BitmapDirectory.Clusters(image, place.DirectoryOffset, place.DirectorySize);
        var room = old.End <= limit ? limit : old.First;
        if (await image.Allocator.TryAllocateBelowAsync(old.Count, room).ConfigureAwait(false) is not { } run) return null;
        _taken.Add(run);
        await WriteAsync(run, BitmapEntry.EncodeDirectory(entries)).ConfigureAwait(false);
        return place with { DirectoryOffset = run.First << _geometry.ClusterBits };
    }

    private async ValueTask WriteAsync(ClusterRun run, byte[] content)
    {
        var padded = new byte[run.Count << _geometry.ClusterBits];
        content.CopyTo(padded, 0);
        image.Guard.CheckWrite(run.First << _geometry.ClusterBits, padded.Length);
        await image.File.WriteAsync(run.First << _geometry.ClusterBits, padded).ConfigureAwait(false);
    }

    private async ValueTask ReleaseAsync()
    {
        foreach (var run in _taken) await image.Allocator.ReleaseAsync(run).ConfigureAwait(false);
        _taken.Clear();
    }
}
