// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vhdx.Format;
using BlockHost.Plugins.Block.Vhdx.Log;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>
/// The disk of an image. The table changes in memory until a flush:
/// <code>
///   flush:  data ─► flush ─► changed sectors of the table ─► log ─► flush ─► in their places
/// </code>
/// New blocks go behind the last one. What a power cut leaves there that nothing points at is used again.
/// </summary>
internal class VhdxImage(IBlockChild file, ImageLayout layout, HeaderStore headers, long end, IIoBufferPool buffers)
    : MappedDisk<ulong>(file, layout.Table.BlockSize, TableOf(file, layout.Table), buffers)
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _marking = new(1);
    private readonly LogWriter _log = new(file, headers);
    private long _end = end;
    private long _lengthToFlush;
    private List<LogSector>? _undo;

    public ImageLayout Layout { get; private set; } = layout;

    public override long Length => Layout.Table.Length;

    /// <summary>Opening did again what the log had.</summary>
    public bool WasReplayed { get; set; }

    /// <summary>The headers say that the image is not what it was.</summary>
    public bool IsMarked { get; private set; }

    /// <summary>What differencing images know this state of the disk by.</summary>
    public Guid DataWriteId => headers.Current.DataWriteId;

    protected override bool IsPreallocated => Layout.KeepsBlocks;

    protected override ulong? ZeroEntry => BlockTable.EntryOf(BlockEntryState.Zero);

    public override BlockRun Decode(ulong entry) => BlockTable.StateOf(entry) switch
    {
        BlockEntryState.NotPresent => new(BlockState.Absent),
        BlockEntryState.Undefined or BlockEntryState.Zero => new(BlockState.Zero),
        BlockEntryState.Unmapped or BlockEntryState.UnmappedOld => new(BlockState.Zero),
        BlockEntryState.Present when BlockTable.OffsetOf(entry) >= 0 => new(BlockState.Stored, BlockTable.OffsetOf(entry)),
        _ => throw new BlockException(BlockErrorKind.Corrupt, "The VHDX image has a block in a state that it cannot be in"),
    };

    public void RequireWritable()
    {
        if (!LogFormat.IsUsable(headers.Current.LogOffset, headers.Current.LogLength))
            throw VhdxFault.NotSupported("The VHDX image has no log that can be written: it can only be read");
    }

    /// <summary>Gives the image new ids, before its disk changes for the first time.</summary>
    public async ValueTask MarkAsync(CancellationToken cancellationToken)
    {
        await _marking.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!IsMarked)
                await headers.UpdateAsync(header => header.WithDataWritten(), cancellationToken).ConfigureAwait(false);
            IsMarked = true;
        }
        finally
        {
            _marking.Release();
        }
    }

    public override async ValueTask CloseAsync()
    {
        await base.CloseAsync().ConfigureAwait(false);
        await _log.CloseAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Everything is on disk and in its place, and the log is empty.</summary>
    public async ValueTask SettleAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken).ConfigureAwait(false);
        await _log.CloseAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The image is not written any more for now: others may be made over it.</summary>
    public async ValueTask EndWritingAsync(CancellationToken cancellationToken)
    {
        await SettleAsync(cancellationToken).ConfigureAwait(false);
        IsMarked = false;
    }

    /// <summary>Changes metadata, all or none, while nothing else uses the image. What it points at is in the file.</summary>
    /// <exception cref="BlockException">Nothing has changed.</exception>
    public async ValueTask CommitAsync(IReadOnlyList<FilePatch> patches, CancellationToken cancellationToken)
    {
        var changed = await ReadSectorsAsync(patches, cancellationToken).ConfigureAwait(false);
        // What fails half-way may be in the log: it must not come back with a power cut.
        var places = changed.Select(sector => new FilePatch(sector.FileOffset, []));
        _undo = await ReadSectorsAsync(places, cancellationToken).ConfigureAwait(false);
        try
        {
            await CommitAsync(changed, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            await TakeBackAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }

        _undo = null;
    }

    /// <summary>Goes over to what the file has, while nothing else uses the image.</summary>
    public void GoOver(ImageLayout layout)
    {
        Layout = layout;
        Table = TableOf(File, layout.Table);
    }

    /// <summary>Room at the end of the file.</summary>
    public long TakeSpace(long bytes)
    {
        lock (_lock)
        {
            var place = _end;
            _end += bytes;
            return place;
        }
    }

    /// <summary>Cuts off what lies behind the last block, while nothing else uses the image and the log is empty.</summary>
    public async ValueTask TrimAsync(CancellationToken cancellationToken)
    {
        var scan = new TableScan(File, Layout, _ => { });
        await scan.RunAsync(Buffers, cancellationToken).ConfigureAwait(false);
        lock (_lock)
            _end = scan.End;
        if (File.Profile.Growable && File.Length > scan.End)
            await File.ResizeAsync(scan.End, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
    }

    protected override long IndexOf(long block) => Layout.Table.IndexOf(block);

    protected override ulong Encode(long place) => BlockTable.EntryOf(BlockEntryState.Present, place);

    protected override ValueTask<long> TakeAsync(CancellationToken cancellationToken) => new(TakeSpace(BlockSize));

    protected override void GiveBack(long place)
    {
        lock (_lock)
        {
            if (_end == place + BlockSize)
                _end = place;
        }
    }

    protected override async ValueTask WriteBeforeTableAsync(
        IReadOnlyList<TableChange> changes, CancellationToken cancellationToken)
    {
        if (_undo is not null)
            await TakeBackAsync(cancellationToken).ConfigureAwait(false);
        // The flush that follows covers it: the log must not count on more.
        _lengthToFlush = File.Length;
    }

    protected override async ValueTask<bool> WriteTableAsync(
        IReadOnlyList<TableChange> changes, CancellationToken cancellationToken)
    {
        _log.HasFlushed();
        var patches = changes.Select(change => new FilePatch(Table.Offset + change.Index * Table.EntrySize, change.Bytes));
        var sectors = await ReadSectorsAsync(patches, cancellationToken).ConfigureAwait(false);
        foreach (var part in sectors.Chunk(LogWriter.MostSectors))
            await _log.CommitAsync(part, _lengthToFlush, cancellationToken).ConfigureAwait(false);
        return false;
    }

    private async ValueTask CommitAsync(IReadOnlyList<LogSector> sectors, CancellationToken cancellationToken)
    {
        var length = File.Length;
        await File.FlushAsync(cancellationToken).ConfigureAwait(false);
        _log.HasFlushed();
        await _log.CommitAsync(sectors, length, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Has the log say what was before a change that has failed. Where that fails too, no flush succeeds before it does.
    /// </summary>
    private async ValueTask TakeBackAsync(CancellationToken cancellationToken)
    {
        await CommitAsync(_undo!, cancellationToken).ConfigureAwait(false);
        _undo = null;
    }

    /// <summary>Sectors of the file with the changes in them.</summary>
    private async ValueTask<List<LogSector>> ReadSectorsAsync(IEnumerable<FilePatch> patches, CancellationToken cancellationToken)
    {
        var sectors = new List<LogSector>();
        foreach (var (offset, patch) in patches)
        {
            var first = offset / LogFormat.SectorSize * LogFormat.SectorSize;
            var last = (offset + Math.Max(
                patch.Length, 1) + LogFormat.SectorSize - 1) / LogFormat.SectorSize * LogFormat.SectorSize;
            var bytes = new byte[last - first];
            await File.ReadAsync(first, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            patch.CopyTo(bytes, offset - first);
            for (var at = 0; at < bytes.Length; at += LogFormat.SectorSize)
                sectors.Add(new LogSector(first + at, bytes[at..(at + LogFormat.SectorSize)]));
        }

        return sectors;
    }

    private static EntryTable<ulong> TableOf(IBlockChild file, BlockTable table) =>
        new(file, table.Offset, table.Entries, bigEndian: false);
}

/// <summary>Bytes that the file is to have.</summary>
internal sealed record FilePatch(long Offset, byte[] Bytes);
