// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Formats.WriteLogs;

namespace BlockHost.Plugins.Filter.Blklogwrites;

/// <summary>Where a log goes on.</summary>
internal readonly record struct WriteLogEnd(WriteLogHeader Header, long Offset);

/// <summary>
/// The log that is written. Entries come one after the other; the header's number of them follows when something is flushed, or
/// after so many, and never counts what is not on disk. An entry that could not be written leaves no gap.
/// </summary>
internal sealed class WriteLog(IBlockChild log, WriteLogEnd start, ulong interval)
{
    private readonly SemaphoreSlim _turn = new(1);
    private readonly byte[] _head = new byte[start.Header.SectorSize];
    private long _entries = start.Header.Entries;
    private long _end = start.Offset;
    private bool _isBegun = start.Header.Entries > 0;

    public int SectorSize => _head.Length;

    /// <summary>Reads a log to its end.</summary>
    public static async ValueTask<WriteLogEnd> FindEndAsync(IBlockChild log, CancellationToken cancellationToken)
    {
        var reader = await WriteLogReader.OpenAsync(
            (offset, target, token) => log.ReadAsync(offset, target, ReadFlags.None, token), log.Length, cancellationToken)
            .ConfigureAwait(false);
        while (await reader.NextAsync(cancellationToken).ConfigureAwait(false) is not null)
        {
        }

        return new(reader.Header, reader.End);
    }

    public ValueTask WriteAsync(long offset, IoSlice data, CancellationToken cancellationToken) =>
        AppendAsync(
            offset,
            data.Length,
            WriteLogFlags.None,
            at => log.WriteAsync(at, data, WriteFlags.None, cancellationToken),
            cancellationToken);

    public ValueTask WriteZeroesAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        AppendAsync(
            offset,
            bytes,
            WriteLogFlags.None,
            at => log.WriteZeroesAsync(at, bytes, ZeroFlags.None, cancellationToken),
            cancellationToken);

    public ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        AppendAsync(offset, bytes, WriteLogFlags.Discard, data: null, cancellationToken);

    public ValueTask FlushAsync(CancellationToken cancellationToken) =>
        AppendAsync(0, 0, WriteLogFlags.Flush, data: null, cancellationToken);

    /// <param name="data">Writes the data at an offset of the log.</param>
    private async ValueTask AppendAsync(
        long offset, long bytes, WriteLogFlags flags, Func<long, ValueTask>? data, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_isBegun)
                await WriteHeaderAsync(cancellationToken).ConfigureAwait(false);
            _isBegun = true;
            var sectors = (bytes + SectorSize - 1) / SectorSize;
            new WriteLogEntry((ulong)(offset / SectorSize), (ulong)sectors, flags).Write(_head);
            await log.WriteAsync(_end, _head, WriteFlags.None, cancellationToken).ConfigureAwait(false);
            if (data is not null)
                await WriteDataAsync(_end + SectorSize, bytes, sectors, data, cancellationToken).ConfigureAwait(false);
            _end += SectorSize * (data is null ? 1 : 1 + sectors);
            _entries++;
            if ((flags & WriteLogFlags.Flush) != 0 || (ulong)_entries % interval == 0)
                await CountAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>The disk may end inside a sector, the log does not.</summary>
    private async ValueTask WriteDataAsync(
        long at, long bytes, long sectors, Func<long, ValueTask> data, CancellationToken cancellationToken)
    {
        await data(at).ConfigureAwait(false);
        var rest = (sectors * SectorSize) - bytes;
        if (rest > 0)
            await log.WriteZeroesAsync(at + bytes, rest, ZeroFlags.None, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask CountAsync(CancellationToken cancellationToken)
    {
        await log.FlushAsync(cancellationToken).ConfigureAwait(false);
        await WriteHeaderAsync(cancellationToken).ConfigureAwait(false);
        await log.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private ValueTask WriteHeaderAsync(CancellationToken cancellationToken)
    {
        _head.AsSpan().Clear();
        new WriteLogHeader(_entries, SectorSize).Write(_head);
        return log.WriteAsync(0, _head, WriteFlags.None, cancellationToken);
    }
}
