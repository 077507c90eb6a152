// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk.Extents;

/// <summary>
/// An extent's map of grains. Tables are read when they are needed and written when the disk is flushed, after the data that they
/// point at: what a table in the file says was there before it said so.
/// <code>
///   flush:  grains ─► flush ─► second copies ─► first copies ─► directories ─► flush
/// </code>
/// </summary>
internal sealed class GrainMap
{
    private const int MostTables = 1024;

    private readonly IBlockChild _file;
    private readonly SemaphoreSlim _lock = new(1);
    private readonly Dictionary<int, GrainTable> _tables = [];
    private readonly byte[] _directory;
    private readonly byte[] _secondDirectory;
    private bool _directoryIsDirty;

    private GrainMap(GrainLayout layout, IBlockChild file, byte[] directory, byte[] secondDirectory)
    {
        (Layout, _file, _directory, _secondDirectory) = (layout, file, directory, secondDirectory);
        NextFree = RoundUp(Math.Max(file.Length, layout.DirectoryOffset + directory.Length), layout.GrainSize);
    }

    public GrainLayout Layout { get; }

    /// <summary>Where the next new grain goes.</summary>
    public long NextFree { get; private set; }

    public bool IsDirty { get; private set; }

    public static async ValueTask<GrainMap> OpenAsync(GrainLayout layout, IBlockChild file, CancellationToken cancellationToken)
    {
        var directory = await ReadDirectoryAsync(
            layout, file, layout.DirectoryOffset, "l1 table", cancellationToken).ConfigureAwait(false);
        var second = layout.SecondDirectoryOffset is { } offset
            ? await ReadDirectoryAsync(layout, file, offset, "l1 backup table", cancellationToken).ConfigureAwait(false)
            : [];
        return new GrainMap(layout, file, directory, second);
    }

    public async ValueTask<GrainEntry> FindAsync(long grain, CancellationToken cancellationToken) =>
        (await FindRunAsync(grain, 1, cancellationToken).ConfigureAwait(false)).Entry;

    /// <summary>
    /// How many grains are alike from one on, at least one and at most to its table's end: stored ones where they follow each
    /// other in the file.
    /// </summary>
    public async ValueTask<(GrainEntry Entry, long Grains)> FindRunAsync(
        long grain, long most, CancellationToken cancellationToken)
    {
        var (number, index) = Math.DivRem(grain, Layout.GrainsPerTable);
        most = Math.Min(most, Layout.GrainsPerTable - index);
        return await FindTableAsync((int)number, cancellationToken).ConfigureAwait(false) is { } table
            ? table.RunFrom((int)index, (int)most)
            : (default, most);
    }

    /// <summary>A table as it is, null where there is none.</summary>
    public async ValueTask<GrainTable?> FindTableAsync(int number, CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await LoadAsync(number, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _lock.Release();
        }
    }

    /// <summary>Takes room for grains at the end of the file.</summary>
    public async ValueTask<long> TakeAsync(long bytes, CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return Take(bytes, Layout.IsCompressed ? VmdkFault.SectorSize : Layout.GrainSize);
        }
        finally
        {
            _lock.Release();
        }
    }

    /// <summary>The grain's data are in the file, or it is all zeroes.</summary>
    public async ValueTask SetAsync(long grain, GrainEntry entry, CancellationToken cancellationToken)
    {
        var (table, index) = Math.DivRem(grain, Layout.GrainsPerTable);
        await _lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var loaded = await LoadAsync((int)table, cancellationToken).ConfigureAwait(false) ?? AddTable((int)table);
            loaded[(int)index] = entry;
            IsDirty = true;
        }
        finally
        {
            _lock.Release();
        }
    }

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _file.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (IsDirty)
                await WriteBackAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _lock.Release();
        }
    }

    /// <summary>
    /// The last chance, where a flush has failed: the data are in the file all the same, as long as the machine runs.
    /// </summary>
    public async ValueTask WriteAtEndAsync()
    {
        await _lock.WaitAsync().ConfigureAwait(false);
        try
        {
            if (IsDirty)
                await WriteBackAsync(CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            _lock.Release();
        }
    }

    private async ValueTask WriteBackAsync(CancellationToken cancellationToken)
    {
        var dirty = _tables.Values.Where(table => table.IsDirty).ToList();
        foreach (var table in dirty.Where(table => table.SecondOffset > 0))
            await _file.WriteAsync(
                BlkdebugEvent.L2Update,
                table.SecondOffset,
                table.Bytes,
                WriteFlags.None,
                cancellationToken).ConfigureAwait(false);
        foreach (var table in dirty)
            await _file.WriteAsync(
                BlkdebugEvent.L2Update, table.Offset, table.Bytes, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        if (_directoryIsDirty)
            await WriteDirectoryAsync(cancellationToken).ConfigureAwait(false);
        await _file.FlushAsync(cancellationToken).ConfigureAwait(false);
        dirty.ForEach(table => table.IsDirty = false);
        _directoryIsDirty = IsDirty = false;
    }

    /// <summary>New tables are whole before a directory leads to them.</summary>
    private async ValueTask WriteDirectoryAsync(CancellationToken cancellationToken)
    {
        await _file.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (_secondDirectory.Length > 0)
            await _file.WriteAsync(
                Layout.SecondDirectoryOffset!.Value, _secondDirectory, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await _file.WriteAsync(Layout.DirectoryOffset, _directory, WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<GrainTable?> LoadAsync(int number, CancellationToken cancellationToken)
    {
        if (_tables.TryGetValue(number, out var known))
            return known;
        if (TableOffset(_directory, number) is not { } offset)
            return null;
        if (_tables.Count >= MostTables)
            await MakeRoomAsync(cancellationToken).ConfigureAwait(false);
        var bytes = new byte[Layout.GrainsPerTable * Layout.EntrySize];
        if (offset >= _file.Length)
            throw VmdkFault.Invalid($"Grain table {number} is at {offset}, beyond the end of '{_file.FileName}'");
        await _file.ReadAsync(BlkdebugEvent.L2Load, offset, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var second = _secondDirectory.Length == 0 ? 0 : TableOffset(_secondDirectory, number) ?? 0;
        // A second copy that is where the first or the header is, or beyond the file, would only do harm.
        second = second == offset || second < SparseHeader.Size || second > _file.Length - bytes.Length ? 0 : second;
        return _tables[number] = new GrainTable(Layout, bytes, offset, second);
    }

    private async ValueTask MakeRoomAsync(CancellationToken cancellationToken)
    {
        if (IsDirty)
        {
            await _file.FlushAsync(cancellationToken).ConfigureAwait(false);
            await WriteBackAsync(cancellationToken).ConfigureAwait(false);
        }

        _tables.Clear();
    }

    /// <summary>Images of ESX make a table when its first grain is written.</summary>
    private GrainTable AddTable(int number)
    {
        if (!Layout.MakesTables || Layout.DirectoryOffset + _directory.Length > _file.Length)
            throw VmdkFault.Invalid($"The grain directory of '{_file.FileName}' has no table {number}");
        var size = RoundUp(Layout.GrainsPerTable * Layout.EntrySize, VmdkFault.SectorSize);
        var first = Take(size, VmdkFault.SectorSize);
        var second = _secondDirectory.Length == 0 ? 0 : Take(size, VmdkFault.SectorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(_directory.AsSpan(number * 4), checked((uint)(first / VmdkFault.SectorSize)));
        if (second > 0)
            BinaryPrimitives.WriteUInt32LittleEndian(
                _secondDirectory.AsSpan(number * 4), checked((uint)(second / VmdkFault.SectorSize)));
        _directoryIsDirty = true;
        return _tables[number] = new GrainTable(Layout, new byte[Layout.GrainsPerTable * Layout.EntrySize], first, second);
    }

    private long Take(long bytes, long alignment)
    {
        var offset = RoundUp(NextFree, alignment);
        if (offset + bytes > uint.MaxValue * (long)VmdkFault.SectorSize)
            throw new BlockException(
                BlockErrorKind.NoSpace,
                $"'{_file.FileName}' has no room for more grains: their offsets have 32 bits",
                Errno.EFBIG);
        NextFree = offset + bytes;
        return offset;
    }

    private long? TableOffset(byte[] directory, int number)
    {
        if (Layout.EntryKind == GrainEntryKind.Sector)
            return BinaryPrimitives.ReadUInt32LittleEndian(directory.AsSpan(number * 4)) is > 0 and var sector
                ? sector * (long)VmdkFault.SectorSize
                : null;
        var entry = BinaryPrimitives.ReadUInt64LittleEndian(directory.AsSpan(number * 8));
        if (entry == 0)
            return null;
        if (entry >> 32 != 0x10000000)
            throw VmdkFault.Invalid($"Grain directory entry 0x{entry:x} is of no known kind");
        return Layout.TablesOffset + (long)(uint)entry * Layout.GrainsPerTable * Layout.EntrySize;
    }

    private static async ValueTask<byte[]> ReadDirectoryAsync(
        GrainLayout layout, IBlockChild file, long offset, string what, CancellationToken cancellationToken)
    {
        var size = (long)layout.TableCount * layout.EntrySize;
        // What lies beyond the file reads as zeroes and leads nowhere: memory is not spent on it.
        if (size > file.Length && size > 1 << 20)
            throw VmdkFault.Invalid($"Could not read {what} from extent '{file.FileName}': it would be longer than the file");
        var directory = new byte[size];
        if (offset < file.Length)
            await file.ReadAsync(offset, directory, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return directory;
    }

    private static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;
}
