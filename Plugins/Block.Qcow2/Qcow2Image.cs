// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Data;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>
/// An open image without its place in the graph: the parts that know its tables, and those that move its data.
/// </summary>
/// <remarks>
/// <code>
///   Reader  Writer  ZeroWriter        data I/O, outside of the metadata lock
///      └──────┴────────┘
///         ClusterMap ── L2 cache      lookups without a lock, changes under Gate
///      ClusterAllocator ── refcounts
///       MetadataFlusher               ordered writes
/// </code>
/// </remarks>
internal sealed class Qcow2Image : IAsyncDisposable
{
    private const int SectorSize = 512;

    private readonly TableCache _l2Cache;
    private readonly TableCache _refcountCache;
    private Task _marking = Task.CompletedTask;

    private Qcow2Image(
        IBlockChild file,
        IBlockChild? dataFile,
        HeaderStore header,
        Qcow2Settings settings,
        IIoBufferPool buffers,
        ulong[] l1,
        ulong[] refcountTable)
    {
        File = file;
        Header = header;
        Settings = settings;
        Buffers = buffers;
        Geometry = header.Current.Geometry();
        Hold = new WriteHold(Epoch);
        Guard = new CorruptionGuard(Geometry, settings.OverlapCheck) { Writable = settings.Writable };
        header.Lost = Guard.Stop;
        _l2Cache = new TableCache(file, settings.SliceBytesFor(Geometry), settings.L2CacheBytes, BlkdebugEvent.L2Load);
        _refcountCache = new TableCache(file, Math.Min(4096, Geometry.ClusterSize), settings.RefcountCacheBytes);
        L1 = new TopTable(l1, header.Current.L1Offset);
        Allocator = new ClusterAllocator(
            file, Geometry, new TopTable(refcountTable, header.Current.RefcountTableOffset), _refcountCache, Epoch, Guard,
            buffers);
        Data = new DataStorage(file, dataFile, header, Allocator, buffers) { Cipher = settings.Encryption?.Cipher };
        Map = new ClusterMap(file, Geometry, header.Current, L1, _l2Cache, Allocator, Guard, buffers);
        Flusher = new MetadataFlusher(file, header, Gate, L1, _l2Cache, _refcountCache, Allocator, Data)
        {
            LazyRefcounts = settings.LazyRefcounts && header.Current.Version >= 3,
        };
        Tables = new TableMover(file, header, Geometry, Gate, Flusher, L1, Allocator, Guard);
        Planner = new AllocationPlanner(Geometry, Map, Data, InFlight, Guard);
        Preallocation = new PreallocationProbe(file, Geometry, Allocator);
        Reader = new DataReader(this);
        Writer = new DataWriter(this);
        Packed = new PackedSpace(Geometry, Allocator);
        Compressed = new CompressedWriter(this);
        Zeroes = new ZeroWriter(this);
    }

    public IBlockChild File { get; }
    public IBlockChild? Backing { get; set; }
    public HeaderStore Header { get; }
    public Qcow2Settings Settings { get; }
    public IIoBufferPool Buffers { get; }
    public ClusterGeometry Geometry { get; }
    public CorruptionGuard Guard { get; }
    public RequestEpoch Epoch { get; } = new();
    public MetadataLock Gate { get; } = new();
    public WriteHold Hold { get; }
    public InFlightAllocations InFlight { get; } = new();
    public TopTable L1 { get; }
    public ClusterAllocator Allocator { get; }
    public DataStorage Data { get; }
    public ClusterMap Map { get; }
    public MetadataFlusher Flusher { get; }
    public TableMover Tables { get; }
    public AllocationPlanner Planner { get; }
    public PreallocationProbe Preallocation { get; }
    public DataReader Reader { get; }
    public DataWriter Writer { get; }
    public PackedSpace Packed { get; }
    public CompressedWriter Compressed { get; }
    public ZeroWriter Zeroes { get; }
    public LoadedSnapshots LoadedSnapshots { get; private set; } = LoadedSnapshots.None;

    public IReadOnlyList<SnapshotEntry> Snapshots => LoadedSnapshots.Entries;

    /// <summary>Bytes of the snapshot table.</summary>
    public long SnapshotTableBytes => LoadedSnapshots.Bytes;

    /// <summary>Guest bytes: whole sectors, whatever the header says.</summary>
    public long Length => Header.Current.Size & ~(SectorSize - 1L);

    /// <exception cref="Qcow2FormatException">The image is refused.</exception>
    public static async ValueTask<Qcow2Image> OpenAsync(
        IBlockChild file,
        IBlockChild? dataFile,
        HeaderStore store,
        Qcow2Settings settings,
        IIoBufferPool buffers,
        CancellationToken cancellationToken)
    {
        var header = store.Current;
        if (settings is { Writable: true, ForRepair: false }) RefuseTablesOutside(header, file.Length);
        var l1 = await TopTable.LoadAsync(file, header.L1Offset, header.L1Entries, cancellationToken).ConfigureAwait(false);
        var entries = header.RefcountTableClusters * header.Geometry().RefcountTableEntriesPerCluster;
        var refcounts = await LoadRefcountTableAsync(
            file, header.RefcountTableOffset, entries, cancellationToken).ConfigureAwait(false);
        var image = new Qcow2Image(file, dataFile, store, settings, buffers, l1, refcounts);
        image.LoadedSnapshots = await SnapshotLoader.LoadAsync(
            file, header, settings.ForRepair, cancellationToken).ConfigureAwait(false);
        if (settings is { Writable: true, ForRepair: false })
        {
            foreach (var snapshot in image.Snapshots) SnapshotTable.Validate(snapshot, image.Geometry);
        }
        if (settings.Writable) await MetadataSurvey.TakeAsync(image, cancellationToken).ConfigureAwait(false);
        return image;
    }

    private static async ValueTask<ulong[]> LoadRefcountTableAsync(
        IBlockChild file, long offset, int entries, CancellationToken cancellationToken)
    {
        await file.FireAsync(BlkdebugEvent.ReftableLoad, cancellationToken).ConfigureAwait(false);
        try
        {
            return await TopTable.LoadAsync(file, offset, entries, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new BlockException(e.Kind, $"Could not initialize refcount handling: {ErrnoText.Of(e.Errno)}", e.Errno, e);
        }
    }

    /// <summary>
    /// A table behind the end of the file reads as empty; a change would put it there, however far away that is.
    /// </summary>
    private static void RefuseTablesOutside(Qcow2Header header, long fileLength)
    {
        if (header.L1Entries > 0 && header.L1Offset >= fileLength)
            throw new Qcow2FormatException("Active L1 table offset invalid");
        if (header.RefcountTableOffset >= fileLength)
            throw new Qcow2FormatException("Reference count table offset invalid");
    }

    /// <summary>
    /// Runs a change under the metadata lock; where the refcount table is full, enlarges it and runs the change again.
    /// </summary>
    public async ValueTask<T> ChangeAsync<T>(Func<ValueTask<T>> change, CancellationToken cancellationToken)
    {
        while (true)
        {
            long missing;
            try
            {
                using (await Gate.AcquireAsync(cancellationToken).ConfigureAwait(false))
                {
                    Guard.ThrowIfStopped();
                    if (Allocator.HasAging) await Allocator.ReclaimAsync().ConfigureAwait(false);
                    return await change().ConfigureAwait(false);
                }
            }
            catch (RefcountTableFullException full)
            {
                missing = full.Cluster;
            }
            await Tables.GrowRefcountTableAsync(missing).ConfigureAwait(false);
        }
    }

    /// <summary>Writes metadata out when a change would otherwise pile up more than the caches may hold.</summary>
    public ValueTask RelieveAsync(CancellationToken cancellationToken) =>
        _l2Cache.IsCrowded || _refcountCache.IsCrowded || Allocator.IsCrowded ? Flusher.FlushAsync(cancellationToken) : default;

    /// <summary>Sets the corrupt bit; the image has stopped, so nothing else will be written.</summary>
    public void MarkCorrupt()
    {
        if (Header.Current.Version >= 3 && _marking.IsCompleted) _marking = Task.Run(SetCorruptBitAsync);
    }

    public void TrimCaches()
    {
        _l2Cache.TrimUnused();
        _refcountCache.TrimUnused();
    }

    /// <summary>
    /// Writes a part of an L2 table past the cache, which then reads it anew. Under the metadata lock, flushes paused.
    /// </summary>
    public async ValueTask WriteTableAsync(long offset, ReadOnlyMemory<byte> bytes, bool isActive)
    {
        Guard.CheckMetadata(offset, bytes.Length, isActive ? MetadataKinds.ActiveL2 : MetadataKinds.InactiveL2);
        await File.WriteAsync(offset, System.Runtime.InteropServices.MemoryMarshal.AsMemory(bytes)).ConfigureAwait(false);
        _l2Cache.Forget(offset & ~(_l2Cache.SliceSize - 1L), bytes.Length + _l2Cache.SliceSize);
    }

    /// <summary>
    /// Switches to a snapshot table that is durable, and gives up the old one. Under the metadata lock, flushes paused.
    /// </summary>
    public async ValueTask ReplaceSnapshotsAsync(IReadOnlyList<SnapshotEntry> snapshots, long offset)
    {
        var (oldOffset, oldBytes) = (Header.Current.SnapshotsOffset, SnapshotTableBytes);
        await Header.UpdateAsync(
            Header.Current with { SnapshotsOffset = offset, SnapshotCount = snapshots.Count }).ConfigureAwait(false);
        Allocator.Retire(new ClusterRun(Geometry.ClusterIndex(oldOffset), Geometry.ClustersFor(oldBytes)));
        Guard.RemoveTable(oldOffset, oldBytes, MetadataKinds.SnapshotTable);
        LoadedSnapshots = new LoadedSnapshots(snapshots, SnapshotTable.Encode(snapshots, Length).Length);
        Guard.AddTable(offset, SnapshotTableBytes, MetadataKinds.SnapshotTable);
    }

    /// <summary>
    /// Switches to a refcount structure that somebody has just written, durable. Under the metadata lock, flushes paused.
    /// With counts of another width, the image must be read anew before it is used again.
    /// </summary>
    public async ValueTask AdoptRefcountsAsync(ulong[] entries, long offset, int clusters, int order)
    {
        var old = Header.Current;
        var updated = old with { RefcountTableOffset = offset, RefcountTableClusters = clusters, RefcountOrder = order };
        await Header.UpdateAsync(updated).ConfigureAwait(false);
        Guard.RemoveNamed(Allocator.Table.Entries, MetadataSurvey.RefcountBlockMask, MetadataKinds.RefcountBlock);
        Guard.RemoveTable(
            old.RefcountTableOffset, (long)old.RefcountTableClusters << old.ClusterBits, MetadataKinds.RefcountTable);
        Guard.AddTable(offset, (long)clusters << old.ClusterBits, MetadataKinds.RefcountTable);
        Guard.AddNamed(entries, MetadataSurvey.RefcountBlockMask, MetadataKinds.RefcountBlock);
        Allocator.Table.Replace(entries, offset);
        _refcountCache.Clear();
        Allocator.Rescan();
    }

    public async ValueTask DisposeAsync()
    {
        await _marking.ConfigureAwait(false);
        try
        {
            if (Settings.Writable && !Guard.IsStopped) await SettleAsync().ConfigureAwait(false);
            if (!Guard.IsStopped) await Compressed.AlignFileEndAsync().ConfigureAwait(false);
        }
        finally
        {
            Release();
        }
    }

    /// <summary>Lets go of an image that has nothing to write: a settled one, or one that was never used.</summary>
    public void Release()
    {
        Reader.Dispose();
        Compressed.Dispose();
        Flusher.Dispose();
        Gate.Dispose();
    }

    /// <summary>What cannot be written now is lost: worth a second try.</summary>
    private async ValueTask SettleAsync()
    {
        try
        {
            await Flusher.SettleAsync().ConfigureAwait(false);
        }
        catch (BlockException)
        {
            await SettleAtLastAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask SettleAtLastAsync()
    {
        try
        {
            await Flusher.SettleAsync().ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw new BlockException(e.Kind, $"Failed to flush the refcount block cache: {ErrnoText.Of(e.Errno)}", e.Errno, e);
        }
    }

    private async Task SetCorruptBitAsync()
    {
        try
        {
            using (await Gate.AcquireAsync().ConfigureAwait(false))
            {
                var corrupt = Header.Current with { Incompatible = Header.Current.Incompatible | IncompatibleFeatures.Corrupt };
                await Header.UpdateAsync(corrupt).ConfigureAwait(false);
            }
        }
        catch (IOException)
        {
            // The image is stopped in any case; the next open finds the damage itself.
        }
    }
}
