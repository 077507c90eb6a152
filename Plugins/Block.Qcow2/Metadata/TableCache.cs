// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Slices of metadata tables by host offset. Hits take no lock; misses of different slices load at once. A dirty slice
/// stays until <see cref="MetadataFlusher"/> has written it, so memory is bounded by the capacity and what a writer
/// dirties before it looks at <see cref="IsCrowded"/>.
/// </summary>
internal sealed class TableCache
{
    private const int MinSlices = 4;
    private const int MaxSpareBytes = 1 << 20;

    private readonly IBlockChild _file;
    private readonly BlkdebugEvent? _onLoad;
    private readonly int _capacity;
    private readonly ConcurrentDictionary<long, TableSlice> _slices = new();
    private readonly Dictionary<long, Task<TableSlice>> _loading = [];
    private readonly HashSet<TableSlice> _dirty = [];
    private readonly Stack<byte[]> _spare = [];
    private readonly Lock _sync = new();
    private long _now;
    private int _beingWritten;

    /// <param name="sliceSize">Bytes of one slice: a power of two that divides the cluster size.</param>
    /// <param name="bytes">Size of the cache; a few slices are kept in any case.</param>
    /// <param name="onLoad">Fired before a slice is read.</param>
    public TableCache(IBlockChild file, int sliceSize, long bytes, BlkdebugEvent? onLoad = null)
    {
        _file = file;
        _onLoad = onLoad;
        SliceSize = sliceSize;
        _capacity = (int)Math.Clamp(bytes / sliceSize, MinSlices, int.MaxValue);
    }

    public int SliceSize { get; }

    /// <summary>So many slices are dirty that a writer should have them written before it dirties more.</summary>
    public bool IsCrowded
    {
        get
        {
            lock (_sync) return _dirty.Count > _capacity / 2;
        }
    }

    public bool HasDirty
    {
        get
        {
            lock (_sync) return _dirty.Count > 0;
        }
    }

    public bool TryGet(long offset, [NotNullWhen(true)] out TableSlice? slice)
    {
        if (!_slices.TryGetValue(offset, out slice)) return false;
        var now = Volatile.Read(ref _now);
        if (slice.LastUse != now) slice.LastUse = now;
        return true;
    }

    /// <param name="isNew">The table has just been made: reading it is no load of the image's.</param>
    public ValueTask<TableSlice> GetAsync(long offset, CancellationToken cancellationToken, bool isNew = false)
    {
        if (TryGet(offset, out var slice)) return new(slice);
        TaskCompletionSource<TableSlice> load;
        lock (_sync)
        {
            if (_slices.TryGetValue(offset, out slice)) return new(slice);
            if (_loading.TryGetValue(offset, out var running)) return new(running.WaitAsync(cancellationToken));
            load = new TaskCompletionSource<TableSlice>(TaskCreationOptions.RunContinuationsAsynchronously);
            _loading.Add(offset, load.Task);
        }
        return LoadAsync(offset, load, isNew ? null : _onLoad);
    }

    /// <summary>
    /// Declares a slice changed and returns the instance to change: the resident one, which differs from
    /// <paramref name="slice"/> when that was evicted meanwhile. Under the metadata lock.
    /// </summary>
    public TableSlice MarkDirty(TableSlice slice)
    {
        // A dirty slice stays, and only the holder of the lock makes one clean.
        if (slice.IsDirty) return slice;
        lock (_sync)
        {
            slice = _slices.GetOrAdd(slice.Offset, slice);
            _loading.Remove(slice.Offset);
            slice.IsDirty = true;
            _dirty.Add(slice);
            return slice;
        }
    }

    /// <summary>Hands the dirty slices to a flush, with copies of their bytes. Under the metadata lock.</summary>
    public List<PendingWrite> TakeDirty()
    {
        lock (_sync)
        {
            var writes = new List<PendingWrite>(_dirty.Count);
            foreach (var slice in _dirty)
            {
                slice.IsDirty = false;
                slice.IsBeingWritten = true;
                _beingWritten++;
                writes.Add(new PendingWrite(slice.Offset, CopyOf(slice), slice));
            }
            _dirty.Clear();
            return writes;
        }
    }

    /// <summary>A long run of new tables would otherwise leave as much garbage as they take on disk.</summary>
    private byte[] CopyOf(TableSlice slice)
    {
        if (!_spare.TryPop(out var copy)) return slice.Data.ToArray();
        slice.Data.CopyTo(copy);
        return copy;
    }

    /// <summary>Ends what <see cref="TakeDirty"/> began; slices that did not reach the disk are dirty again.</summary>
    public void Complete(List<PendingWrite> writes, bool written)
    {
        lock (_sync)
        {
            foreach (var write in writes)
            {
                var slice = write.Slice!;
                if (written && _spare.Count < MaxSpareBytes / SliceSize) _spare.Push(write.Data);
                slice.IsBeingWritten = false;
                _beingWritten--;
                if (written || !IsResident(slice)) continue;
                slice.IsDirty = true;
                _dirty.Add(slice);
            }
        }
    }

    /// <summary>Drops all slices of a freed cluster, changes included: nothing refers to them any more.</summary>
    public void Forget(long offset, long bytes)
    {
        lock (_sync)
        {
            for (var at = offset; at < offset + bytes; at += SliceSize)
            {
                if (_slices.TryRemove(at, out var slice))
                {
                    _dirty.Remove(slice);
                    slice.IsDirty = false;
                }
                _loading.Remove(at);
            }
        }
    }

    /// <summary>Drops everything; only when nothing is dirty and no request is in flight.</summary>
    public void Clear()
    {
        lock (_sync)
        {
            _slices.Clear();
            _dirty.Clear();
        }
    }

    /// <summary>Drops clean slices that were not used since the last call.</summary>
    public void TrimUnused()
    {
        lock (_sync)
        {
            foreach (var (offset, slice) in _slices)
            {
                if (!slice.IsPinned && slice.LastUse < _now) _slices.TryRemove(offset, out _);
            }
            _now++;
        }
    }

    private async ValueTask<TableSlice> LoadAsync(long offset, TaskCompletionSource<TableSlice> load, BlkdebugEvent? before)
    {
        try
        {
            TableSlice? slice = null;
            while (slice is null)
            {
                var data = GC.AllocateUninitializedArray<byte>(SliceSize);
                if (before is { } fired) await _file.FireAsync(fired).ConfigureAwait(false);
                await _file.ReadAsync(offset, data).ConfigureAwait(false);
                slice = Publish(new TableSlice(offset, data), load.Task);
            }
            load.SetResult(slice);
            return slice;
        }
        catch (Exception e)
        {
            lock (_sync) EndLoad(offset, load.Task);
            load.SetException(e);
            _ = load.Task.Exception;
            throw;
        }
    }

    /// <summary>
    /// Puts a loaded slice in its place. Null: the slice was changed since the read began, and is not here any more, so
    /// the bytes may be old ones.
    /// </summary>
    private TableSlice? Publish(TableSlice loaded, Task load)
    {
        lock (_sync)
        {
            if (!_slices.TryGetValue(loaded.Offset, out var resident))
            {
                if (!IsLoading(loaded.Offset, load))
                {
                    _loading.TryAdd(loaded.Offset, (Task<TableSlice>)load);
                    return null;
                }
                resident = loaded;
                resident.LastUse = ++_now;
                _slices[loaded.Offset] = resident;
                EvictIfFull();
            }
            EndLoad(loaded.Offset, load);
            return resident;
        }
    }

    private bool IsLoading(long offset, Task load) => _loading.TryGetValue(offset, out var running) && running == load;

    private void EndLoad(long offset, Task load)
    {
        if (IsLoading(offset, load)) _loading.Remove(offset);
    }

    private void EvictIfFull()
    {
        // Drops an eighth at once, so that the search is paid once for many misses; never the slice just loaded.
        var batch = Math.Max(1, _capacity / 8);
        if (_slices.Count <= _capacity || _slices.Count - _dirty.Count - _beingWritten <= batch) return;
        var oldest = _slices.Values.Where(s => !s.IsPinned).OrderBy(s => s.LastUse).Take(batch).ToList();
        foreach (var slice in oldest) _slices.TryRemove(slice.Offset, out _);
    }

    private bool IsResident(TableSlice slice) => _slices.TryGetValue(slice.Offset, out var resident) && resident == slice;
}
