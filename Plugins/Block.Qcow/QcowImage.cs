// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qcow.Format;

namespace BlockHost.Plugins.Block.Qcow;

/// <summary>
/// The disk of an image:
/// <code>
///   header ─► top table ─► tables ─► clusters
/// </code>
/// New clusters and tables go to the end of the file. Compressed ones lie there behind each other without gaps; one that is
/// written again gets another place, and the old one is lost.
/// </summary>
internal sealed class QcowImage : MappedDisk<ulong>
{
    private readonly PackedClusters _packed;
    private readonly FileEnd _end;

    public QcowImage(IBlockChild file, QcowHeader header, IIoBufferPool buffers)
        : this(file, header, buffers, new FileEnd(Math.Max(file.Length, header.TopEnd), header.ClusterSize))
    {
    }

    private QcowImage(IBlockChild file, QcowHeader header, IIoBufferPool buffers, FileEnd end)
        : base(file, header.ClusterSize, new ClusterTables(file, header, end), buffers)
    {
        (Header, _end) = (header, end);
        _packed = new PackedClusters(file, header, buffers);
    }

    public QcowHeader Header { get; private set; }

    public ClusterTables Tables => (ClusterTables)Table;

    public override long Length => (long)Header.DiskSize / QcowHeader.SectorSize * QcowHeader.SectorSize;

    /// <summary>As the header has it.</summary>
    public string? BackingName { get; set; }

    protected override bool MayBePacked => true;

    protected override bool AbsentIsAllocated => false;

    protected override bool FiresEvents => true;

    /// <summary>The format has no zeroes of its own: over a backing file they are data.</summary>
    protected override bool RecordsZeroes => BackingName is not null;

    public override BlockRun Decode(ulong entry)
    {
        if (entry == 0)
            return new(BlockState.Absent);
        if (!Tables.IsCluster(entry))
            throw new BlockException(BlockErrorKind.Io, "A qcow cluster is at no place that it can be at");
        return new(ClusterEntries.IsCompressed(entry) ? BlockState.Packed : BlockState.Stored, (long)entry);
    }

    /// <summary>Whole clusters, wherever their data were until now.</summary>
    public async ValueTask WriteCompressedAsync(long offset, IoSlice source, CancellationToken cancellationToken)
    {
        if (offset % BlockSize != 0 || (source.Length % BlockSize != 0 && offset + source.Length != Length))
            throw new BlockException(BlockErrorKind.InvalidArgument, "A compressed write must cover whole clusters")
            { Offset = offset };
        for (long done = 0; done < source.Length; done += PackedClusters.BatchSize)
        {
            var batch = source.Slice(done, Math.Min(PackedClusters.BatchSize, source.Length - done));
            using var packed = await _packed.PackAsync(batch, cancellationToken).ConfigureAwait(false);
            foreach (var run in packed.Runs)
                await WriteRunAsync(offset + done, batch, packed, run, cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask WriteHeaderAsync(QcowHeader next, CancellationToken cancellationToken)
    {
        await File.WriteAsync(0, next.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await File.FlushAsync(cancellationToken).ConfigureAwait(false);
        Header = next;
    }

    /// <summary>Room at the end of the file for something else than clusters.</summary>
    public long TakeRoom(long bytes) => _end.Take(bytes);

    /// <summary>Goes on with another header, and with the tables that it names. Nothing else uses the disk.</summary>
    /// <param name="prepare">Writes what has to be there before the header is; the disk already has the new tables.</param>
    public async ValueTask ChangeTablesAsync(QcowHeader next, Func<ValueTask> prepare, CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken).ConfigureAwait(false);
        var old = Header;
        Table = new ClusterTables(File, next, _end);
        try
        {
            await prepare().ConfigureAwait(false);
            await FlushAsync(cancellationToken).ConfigureAwait(false);
            await WriteHeaderAsync(next, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            Table = new ClusterTables(File, old, _end);
            // The new one may be in the file all the same.
            await WriteHeaderAsync(old, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// What lies behind the end of the disk in its last cluster becomes zeroes, and what its last table has there nothing.
    /// </summary>
    public async ValueTask ClearBehindEndAsync(CancellationToken cancellationToken)
    {
        var blocks = (Length + BlockSize - 1) / BlockSize;
        for (var block = blocks; block % Tables.PerPart != 0; block++)
        {
            if (await Table.GetAsync(block, cancellationToken).ConfigureAwait(false) != 0)
                await Table.SetAsync(block, 0, cancellationToken).ConfigureAwait(false);
        }

        var rest = (int)(blocks * BlockSize - Length);
        if (rest == 0)
            return;
        var run = await FindAsync(Length, rest, cancellationToken).ConfigureAwait(false);
        if (run.State != BlockState.Absent || BackingName is not null || Backing is not null)
            await WriteAsync(Length, new byte[rest], cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The tables in the file are all zero, and nothing is behind an offset any more.</summary>
    public void StartAnew(long end)
    {
        _end.Restart(end);
        _packed.Forget();
        Table = new ClusterTables(File, Header, _end);
    }

    /// <summary>Gives a cluster a place of its own, with what it reads as.</summary>
    public async ValueTask MoveAsync(long block, long from, CancellationToken cancellationToken)
    {
        var to = _end.Take(BlockSize);
        using var buffer = Buffers.Rent((int)BlockSize);
        await File.ReadAsync(from, buffer.Memory, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        await File.WriteAsync(to, buffer.Memory, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await Table.SetAsync(block, (ulong)to, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gives a compressed cluster a place of its own, as it is; one that cannot be read any more gets none.</summary>
    public async ValueTask UnpackAsync(long block, CancellationToken cancellationToken)
    {
        using var buffer = Buffers.Rent((int)BlockSize);
        try
        {
            await ReadAsync(block * BlockSize, buffer.Memory, cancellationToken).ConfigureAwait(false);
            await WriteAsync(block * BlockSize, buffer.Memory, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.Io)
        {
            await Table.SetAsync(block, 0, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The name goes where there is room for it, and then the header says where that is.</summary>
    public async ValueTask SetBackingNameAsync(string? name, CancellationToken cancellationToken)
    {
        var bytes = Encoding.UTF8.GetBytes(name ?? "");
        if (bytes.Length > QcowHeader.LongestName)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Backing file name too long", Errno.ENOSPC);
        var place = 0L;
        if (bytes.Length > 0)
        {
            place = _end.Take(bytes.Length);
            await File.WriteAsync(place, bytes, WriteFlags.None, cancellationToken).ConfigureAwait(false);
            await File.FlushAsync(cancellationToken).ConfigureAwait(false);
        }

        await WriteHeaderAsync(
            Header with { NameOffset = (ulong)place, NameLength = (uint)bytes.Length }, cancellationToken).ConfigureAwait(false);
        BackingName = name;
    }

    protected override ulong Encode(long place) => (ulong)place;

    protected override async ValueTask<long> TakeAsync(CancellationToken cancellationToken)
    {
        await File.FireAsync(BlkdebugEvent.ClusterAlloc, cancellationToken).ConfigureAwait(false);
        return _end.Take(BlockSize);
    }

    protected override void GiveBack(long place) => _end.GiveBack(place, BlockSize);

    protected override ValueTask ReadPackedAsync(
        long offset, BlockRun run, IoSlice target, CancellationToken cancellationToken) =>
        _packed.ReadAsync((ulong)run.Place, (int)(offset % BlockSize), target, cancellationToken);

    /// <param name="start">Of the batch, on the disk.</param>
    private async ValueTask WriteRunAsync(
        long start, IoSlice batch, PackedBatch packed, PackedRun run, CancellationToken cancellationToken)
    {
        var within = run.First * BlockSize;
        var place = run.IsPacked ? _end.TakePacked(run.Bytes) : 0;
        if (!run.IsPacked || place + run.Bytes > _packed.PlaceLimit)
        {
            var plain = batch.Slice(within, Math.Min(run.Count * BlockSize, batch.Length - within));
            await WriteAsync(start + within, plain, cancellationToken).ConfigureAwait(false);
            return;
        }

        var block = start / BlockSize + run.First;
        using var hold = await HoldAsync(block, run.Count).ConfigureAwait(false);
        try
        {
            await File.WriteAsync(
                BlkdebugEvent.WriteCompressed,
                place,
                packed.Gather(run),
                WriteFlags.None,
                cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            _end.GiveBack(place, run.Bytes);
            throw;
        }

        await LinkAsync(block, packed.Sizes.Skip(run.First).Take(run.Count), place, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask LinkAsync(long block, IEnumerable<int> sizes, long place, CancellationToken cancellationToken)
    {
        foreach (var bytes in sizes)
        {
            await Table.SetAsync(block++, _packed.Encode(place, bytes), cancellationToken).ConfigureAwait(false);
            place += bytes;
        }

        if (Table.IsFull)
            await FlushAsync(cancellationToken).ConfigureAwait(false);
    }
}
