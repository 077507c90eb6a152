// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Parallels.Format;

namespace BlockHost.Plugins.Block.Parallels;

/// <summary>
/// The disk of an image:
/// <code>
///   header │ table: u32 for each cluster │ cluster │ cluster │ …        entry: where the cluster is, or 0
/// </code>
/// New clusters go to the end of the file, which grows by more than it needs and is cut when the image is closed. Before the
/// table changes, the header says that the image is open; what finds it so afterwards knows that it was not closed.
/// </summary>
internal sealed class ParallelsImage(IBlockChild file, ParallelsHeader header, Preallocation preallocation, IIoBufferPool buffers)
    : MappedDisk<uint>(file, header.ClusterSize, TableOf(file, header), buffers)
{
    private readonly SemaphoreSlim _placing = new(1);

    /// <summary>Where the next cluster goes; negative: not known yet.</summary>
    private long _end = -1;

    /// <summary>From here on, the file is what it was made longer by, and zero; negative: it was not.</summary>
    private long _cleanFrom = -1;
    private bool _isMarked;

    /// <summary>The file is longer than it needs to be, until the image is closed.</summary>
    public bool IsExtended { get; private set; }

    public ParallelsHeader Header { get; private set; } = header;

    /// <summary>Whoever wrote last did not close the image, and nobody has checked it since: it stays marked.</summary>
    public bool WasLeftOpen { get; set; } = header.InUse == ParallelsHeader.OpenMark;

    public override long Length => Header.Length;

    /// <summary>Clusters that the format extension uses; everything behind <see cref="ReservedEnd"/> is the disk's.</summary>
    public long ReservedEnd { get; set; }

    /// <summary>The table can reach beyond the file, where it is zero.</summary>
    public long EntriesInFile =>
        Math.Min(Header.Entries, Math.Max(File.Length - ParallelsHeader.Size, 0) / ParallelsHeader.EntrySize);

    protected override bool AbsentIsAllocated => false;

    public override BlockRun Decode(uint entry) =>
        entry == 0 ? new(BlockState.Absent) : new(BlockState.Stored, entry * Header.EntryUnit);

    /// <summary>The end of what the table uses, as far as that lies in the file.</summary>
    public async ValueTask<long> FindEndAsync(CancellationToken cancellationToken)
    {
        var end = Math.Max(Header.DataOffset, ReservedEnd);
        for (long block = 0; block < EntriesInFile; block++)
        {
            var run = Decode(await Table.GetAsync(block, cancellationToken).ConfigureAwait(false));
            if (run.State == BlockState.Stored && run.Place < File.Length)
                end = Math.Max(end, run.Place + BlockSize);
        }

        return end;
    }

    /// <summary>
    /// The table is about to change: says so in the header. With the next flush, this is on disk before the table is.
    /// </summary>
    public async ValueTask MarkOpenAsync(CancellationToken cancellationToken)
    {
        if (_isMarked)
            return;
        await WriteHeaderAsync(Header with { InUse = ParallelsHeader.OpenMark }, cancellationToken).ConfigureAwait(false);
        _isMarked = true;
    }

    public async ValueTask WriteHeaderAsync(ParallelsHeader next, CancellationToken cancellationToken)
    {
        await File.WriteAsync(0, next.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        var isOther = next.Entries != Header.Entries;
        Header = next;
        if (isOther)
            Table = TableOf(File, next);
    }

    /// <summary>Gives a cluster a place of its own, with what it reads as.</summary>
    public async ValueTask MoveAsync(long block, CancellationToken cancellationToken)
    {
        var from = Decode(await Table.GetAsync(block, cancellationToken).ConfigureAwait(false)).Place;
        var to = await TakeAsync(cancellationToken).ConfigureAwait(false);
        using var buffer = Buffers.Rent((int)Math.Min(BlockSize, 1 << 20));
        for (long done = 0; done < BlockSize; done += buffer.Memory.Length)
        {
            var part = buffer.Memory[..(int)Math.Min(buffer.Memory.Length, BlockSize - done)];
            await File.ReadAsync(from + done, part, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            await File.WriteAsync(to + done, part, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }

        await Table.SetAsync(block, Encode(to), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A cluster for what is not the disk's.</summary>
    public ValueTask<long> TakeClusterAsync(CancellationToken cancellationToken) => TakeAsync(cancellationToken);

    /// <summary>Cuts off what the table does not use.</summary>
    public async ValueTask TrimAsync(CancellationToken cancellationToken)
    {
        var end = await FindEndAsync(cancellationToken).ConfigureAwait(false);
        if (File.Profile.Growable && File.Length > end)
            await File.ResizeAsync(end, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        (_end, _cleanFrom, IsExtended) = (-1, -1, false);
    }

    public override async ValueTask CloseAsync()
    {
        await base.CloseAsync().ConfigureAwait(false);
        if (!_isMarked)
            return;
        await TrimAsync(CancellationToken.None).ConfigureAwait(false);
        await WriteHeaderAsync(
            Header with { InUse = WasLeftOpen ? ParallelsHeader.OpenMark : 0 }, CancellationToken.None).ConfigureAwait(false);
        await File.FlushAsync().ConfigureAwait(false);
        _isMarked = false;
    }

    protected override uint Encode(long place) => (uint)(place / Header.EntryUnit);

    protected override bool IsClean(long place) => _cleanFrom >= 0 && place >= _cleanFrom;

    /// <summary>The table may be shorter than the disk: what it does not have is a hole that stays one.</summary>
    protected override bool TryFind(long offset, long bytes, out BlockRun run)
    {
        var inTable = Header.Entries * BlockSize - offset;
        run = new BlockRun(BlockState.Absent, Bytes: bytes);
        return inTable <= 0 || base.TryFind(offset, Math.Min(bytes, inTable), out run);
    }

    /// <summary>A cluster may have no entry, which is looked at one by one.</summary>
    protected override bool StoresTogether => Header.Entries * BlockSize >= Length;

    protected override ValueTask StoreAsync(long offset, IoSlice source, BlockRun before, CancellationToken cancellationToken) =>
        offset / BlockSize < Header.Entries
            ? base.StoreAsync(offset, source, before, cancellationToken)
            : throw new BlockException(
                BlockErrorKind.InvalidArgument, "The Parallels image has no entry for the cluster in its table");

    protected override async ValueTask<long> TakeAsync(CancellationToken cancellationToken)
    {
        await _placing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_end < 0)
                _end = await FindEndAsync(cancellationToken).ConfigureAwait(false);
            await MarkOpenAsync(cancellationToken).ConfigureAwait(false);
            var place = (_end + Header.EntryUnit - 1) / Header.EntryUnit * Header.EntryUnit;
            if (place / Header.EntryUnit > uint.MaxValue)
                throw new BlockException(
                    BlockErrorKind.NoSpace, "The Parallels image has no room for more clusters", Errno.EFBIG);
            await MakeRoomAsync(place, place + BlockSize, cancellationToken).ConfigureAwait(false);
            _end = place + BlockSize;
            return place;
        }
        finally
        {
            _placing.Release();
        }
    }

    /// <summary>It is not taken again before the image is opened anew, and does not hold zeroes only any more.</summary>
    protected override void GiveBack(long place)
    {
    }

    private async ValueTask MakeRoomAsync(long place, long end, CancellationToken cancellationToken)
    {
        if (end <= File.Length || !File.Profile.Growable)
            return;
        var old = File.Length;
        IsExtended = true;
        await preallocation.ExtendAsync(File, place, end, cancellationToken).ConfigureAwait(false);
        if (_cleanFrom < 0 && File.Profile.NewStorageReadsZero)
            _cleanFrom = old;
    }

    private static EntryTable<uint> TableOf(IBlockChild file, ParallelsHeader header) =>
        new(file, ParallelsHeader.Size, header.Entries, bigEndian: false);
}
