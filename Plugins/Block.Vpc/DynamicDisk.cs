// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vpc.Format;

namespace BlockHost.Plugins.Block.Vpc;

/// <summary>
/// The disk of an image that grows:
/// <code>
///   footer's copy │ header │ table: a sector (u32) for each block │ bitmap, block │ bitmap, block │ … │ footer
/// </code>
/// New blocks go where the footer is, which is written anew behind them: until then, the copy stands for it. The bitmap of a new
/// block says that all of its sectors are here; QEMU does not look at it, and here only differencing images do.
/// </summary>
internal class DynamicDisk(IBlockChild file, Footer footer, DynamicHeader header, long length, IIoBufferPool buffers)
    : MappedDisk<uint>(file, header.BlockSize, TableOf(file, header), buffers)
{
    public const uint Free = uint.MaxValue;

    private readonly Lock _lock = new();

    /// <summary>A footer is written while nobody takes its place for a block.</summary>
    private readonly SemaphoreSlim _placing = new(1);
    private long _length = length;

    /// <summary>Where the next block goes; negative: not known yet.</summary>
    private long _end = -1;

    /// <summary>Where the footer has to be, and is not yet; negative: it is in its place.</summary>
    private long _footerAt = -1;

    public Footer Footer { get; private set; } = footer;

    public DynamicHeader Header { get; private set; } = header;

    public override long Length => _length;

    /// <summary>Bytes before each block's data.</summary>
    public long BitmapSize { get; } = SizeOfBitmap(header.BlockSize);

    public static long SizeOfBitmap(long blockSize) => RoundUp(blockSize / Footer.SectorSize / 8);

    public static long RoundUp(long bytes) => (bytes + Footer.SectorSize - 1) / Footer.SectorSize * Footer.SectorSize;

    public override BlockRun Decode(uint entry) =>
        entry == Free ? new(BlockState.Absent) : new(BlockState.Stored, entry * (long)Footer.SectorSize + BitmapSize);

    /// <summary>The end of the last block, or of the table.</summary>
    public async ValueTask<long> FindEndAsync(CancellationToken cancellationToken)
    {
        var end = RoundUp(Header.TableOffset + Header.Entries * (long)sizeof(uint));
        for (long block = 0; block < Header.Entries; block++)
        {
            var run = Decode(await Table.GetAsync(block, cancellationToken).ConfigureAwait(false));
            if (run.State == BlockState.Stored)
                end = Math.Max(end, run.Place + BlockSize);
        }

        return end;
    }

    /// <summary>Goes over to another header, whose table is in the file already.</summary>
    public async ValueTask ReplaceHeaderAsync(DynamicHeader next, CancellationToken cancellationToken)
    {
        await WriteHeaderAsync(next, cancellationToken).ConfigureAwait(false);
        if (next.TableOffset != Header.TableOffset || next.Entries != Header.Entries)
            Table = TableOf(File, next);
        Header = next;
        _end = -1;
    }

    /// <summary>Gives the disk another length: the copy at the beginning counts, and the footer at the end follows it.</summary>
    public async ValueTask ReplaceFooterAsync(Footer next, long length, CancellationToken cancellationToken)
    {
        await MoveFooterAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await File.WriteAsync(0, next.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
            await File.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            await File.WriteAsync(0, Footer.ToBytes(), WriteFlags.None, CancellationToken.None).ConfigureAwait(false);
            throw;
        }

        (Footer, _length) = (next, length);
    }

    /// <summary>A block is nowhere any more. Nothing else uses the disk.</summary>
    public virtual ValueTask DropAsync(long block, CancellationToken cancellationToken) =>
        Table.SetAsync(block, Free, cancellationToken);

    /// <summary>The footer is written with the next flush, behind everything else.</summary>
    public async ValueTask MoveFooterAsync(CancellationToken cancellationToken)
    {
        var end = await FindEndAsync(cancellationToken).ConfigureAwait(false);
        lock (_lock)
            _end = _footerAt = end;
    }

    protected override uint Encode(long place) => (uint)((place - BitmapSize) / Footer.SectorSize);

    protected override async ValueTask<long> TakeAsync(CancellationToken cancellationToken)
    {
        var place = await TakePlaceAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var bitmap = new byte[BitmapSize];
            bitmap.AsSpan().Fill(byte.MaxValue);
            await File.WriteAsync(place - BitmapSize, bitmap, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            GiveBack(place);
            throw;
        }

        return place;
    }

    protected override void GiveBack(long place)
    {
        lock (_lock)
        {
            if (_end == place + BlockSize)
                _footerAt = _end = place - BitmapSize;
        }
    }

    protected override async ValueTask WriteBeforeTableAsync(
        IReadOnlyList<TableChange> changes, CancellationToken cancellationToken)
    {
        await _placing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await WriteFooterAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _placing.Release();
        }
    }

    private async ValueTask WriteFooterAsync(CancellationToken cancellationToken)
    {
        long at;
        lock (_lock)
            (at, _footerAt) = (_footerAt, -1);
        if (at < 0)
            return;
        try
        {
            await File.WriteAsync(at, Footer.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            lock (_lock)
                _footerAt = _footerAt < 0 ? at : _footerAt;
            throw;
        }
    }

    private async ValueTask WriteHeaderAsync(DynamicHeader next, CancellationToken cancellationToken)
    {
        try
        {
            await File.WriteAsync(Footer.HeaderOffset, next.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
            await File.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            await File.WriteAsync(
                Footer.HeaderOffset, Header.ToBytes(), WriteFlags.None, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private async ValueTask<long> TakePlaceAsync(CancellationToken cancellationToken)
    {
        await _placing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_end < 0)
                _end = await FindEndAsync(cancellationToken).ConfigureAwait(false);
            lock (_lock)
            {
                if (_end / Footer.SectorSize >= Free)
                    throw new BlockException(BlockErrorKind.NoSpace, "The VPC image has no room for more blocks", Errno.EFBIG);
                var place = _end + BitmapSize;
                _footerAt = _end = place + BlockSize;
                return place;
            }
        }
        finally
        {
            _placing.Release();
        }
    }

    private static EntryTable<uint> TableOf(IBlockChild file, DynamicHeader header) =>
        new(file, header.TableOffset, header.Entries, bigEndian: true);
}
