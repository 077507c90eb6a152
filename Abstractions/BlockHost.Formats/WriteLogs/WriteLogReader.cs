// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;

namespace BlockHost.Formats.WriteLogs;

/// <summary>An entry of a log that lies in it as a whole, and on a disk.</summary>
/// <param name="Index">Entries before it.</param>
/// <param name="Offset">In bytes, on the disk.</param>
/// <param name="Bytes">Length on the disk.</param>
/// <param name="DataOffset">Where in the log its data begin.</param>
/// <param name="Mark">A mark's name.</param>
public sealed record WriteLogRecord(
    long Index, long Offset, long Bytes, WriteLogFlags Flags, bool HasData, long DataOffset, string? Mark);

/// <summary>Walks the entries of a log. Nothing that the log says is believed before it is seen to lie in the log.</summary>
public sealed class WriteLogReader
{
    private readonly Func<long, Memory<byte>, CancellationToken, ValueTask> _read;
    private readonly long _length;
    private long _index;

    private WriteLogReader(Func<long, Memory<byte>, CancellationToken, ValueTask> read, long length, WriteLogHeader header)
    {
        _read = read;
        _length = length;
        Header = header;
        End = header.SectorSize;
    }

    public WriteLogHeader Header { get; }

    /// <summary>Where the entry that is read next begins, or the next to be written.</summary>
    public long End { get; private set; }

    /// <exception cref="BlockException">It is no log.</exception>
    public static async ValueTask<WriteLogReader> OpenAsync(
        Func<long, Memory<byte>, CancellationToken, ValueTask> read, long length, CancellationToken cancellationToken)
    {
        var head = new byte[WriteLogHeader.Size];
        await read(0, head.AsMemory(0, (int)Math.Min(head.Length, length)), cancellationToken).ConfigureAwait(false);
        return new WriteLogReader(read, length, WriteLogHeader.Read(head));
    }

    /// <returns>Null behind the last one.</returns>
    /// <exception cref="BlockException">The log is damaged.</exception>
    public async ValueTask<WriteLogRecord?> NextAsync(CancellationToken cancellationToken)
    {
        if (_index == Header.Entries)
            return null;
        var sectorSize = Header.SectorSize;
        if (_length - End < WriteLogEntry.Size)
            throw Damaged("lies beyond the log's end");
        var head = new byte[WriteLogEntry.Size];
        await _read(End, head, cancellationToken).ConfigureAwait(false);
        var entry = WriteLogEntry.Read(head);
        var most = (ulong)(long.MaxValue / sectorSize);
        if (entry.Sector > most || entry.Sectors > most - entry.Sector)
            throw Damaged("lies beyond all disks");
        var bytes = (long)entry.Sectors * sectorSize;
        var dataOffset = End + sectorSize;
        if (entry.HasData && (dataOffset > _length || bytes > _length - dataOffset))
            throw Damaged("has data beyond the log's end");
        var mark = (entry.Flags & WriteLogFlags.Mark) != 0
            ? await MarkAsync(entry.NameLength, cancellationToken).ConfigureAwait(false)
            : null;
        var record = new WriteLogRecord(
            _index, (long)entry.Sector * sectorSize, bytes, entry.Flags, entry.HasData, dataOffset, mark);
        _index++;
        End = dataOffset + (entry.HasData ? bytes : 0);
        return record;
    }

    private async ValueTask<string> MarkAsync(ulong length, CancellationToken cancellationToken)
    {
        var most = Math.Min(Header.SectorSize, _length - End) - WriteLogEntry.Size;
        if (length > (ulong)most)
            throw Damaged("has a mark that is longer than a sector");
        var name = new byte[length];
        await _read(End + WriteLogEntry.Size, name, cancellationToken).ConfigureAwait(false);
        return Encoding.UTF8.GetString(name);
    }

    private BlockException Damaged(string how) =>
        new(BlockErrorKind.Corrupt, $"Log entry {_index} of {Header.Entries} {how}") { Offset = End };
}
