// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vhdx.Format;

namespace BlockHost.Plugins.Block.Vhdx.Log;

/// <summary>4 KiB of the file as they are to be.</summary>
internal sealed record LogSector(long FileOffset, byte[] Bytes);

/// <summary>
/// Changes metadata so that a power cut leaves all of a change or none:
/// <code>
///   entry ─► flush ─► (the first one: header with the log's id ─► flush) ─► sectors in their places
///   the next entry: flush before
/// </code>
/// Each entry is its own tail, as what the one before changed is on disk by then. Two entries always fit into the ring, so the
/// last one is whole until the next one is. An id in a header always has an entry that is whole. Used by one caller at a time.
/// </summary>
internal sealed class LogWriter(IBlockChild file, HeaderStore headers)
{
    /// <summary>As many as one sector has descriptors: an entry takes less than half of the smallest ring.</summary>
    public const int MostSectors = (LogFormat.SectorSize - LogFormat.HeaderSize) / LogFormat.DescriptorSize;

    private readonly LogRing _ring = new(file, headers.Current.LogOffset, headers.Current.LogLength);
    private Guid _logId;
    private ulong _sequence;
    private long _position;
    private bool _needsFlush;

    /// <summary>Everything that was written before is on disk.</summary>
    public void HasFlushed() => _needsFlush = false;

    /// <summary>Changes some sectors, all or none.</summary>
    /// <param name="flushedLength">So much of the file is on disk.</param>
    public async ValueTask CommitAsync(IReadOnlyList<LogSector> sectors, long flushedLength, CancellationToken cancellationToken)
    {
        if (_needsFlush)
            await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        HasFlushed();
        await AppendAsync(sectors, flushedLength, cancellationToken).ConfigureAwait(false);
        if (headers.Current.LogId != _logId)
            await headers.UpdateAsync(header => header.WithLog(_logId), cancellationToken).ConfigureAwait(false);
        _needsFlush = true;
        foreach (var sector in sectors)
            await file.WriteAsync(sector.FileOffset, sector.Bytes, WriteFlags.None, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Says in both headers that nothing is in the log, where there may be something.</summary>
    public async ValueTask CloseAsync(CancellationToken cancellationToken)
    {
        if (_logId == Guid.Empty)
            return;
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < 2; i++)
            await headers.UpdateAsync(header => header.WithLog(Guid.Empty), cancellationToken).ConfigureAwait(false);
        _logId = Guid.Empty;
    }

    private async ValueTask AppendAsync(IReadOnlyList<LogSector> sectors, long flushedLength, CancellationToken cancellationToken)
    {
        if (_logId == Guid.Empty)
            (_logId, _sequence, _position) = (Guid.NewGuid(), 1, 0);
        var bytes = MakeEntry(sectors, flushedLength);
        await _ring.WriteAsync(_position, bytes, cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        _position = (_position + bytes.Length) % _ring.Length;
        _sequence++;
    }

    private byte[] MakeEntry(IReadOnlyList<LogSector> sectors, long flushedLength)
    {
        var before = (int)LogFormat.SectorsBeforeData(sectors.Count);
        var bytes = new byte[(before + sectors.Count) * LogFormat.SectorSize];
        var (length, tail, count) = ((uint)bytes.Length, (uint)_position, (uint)sectors.Count);
        new LogEntry(_position, length, tail, _sequence, count, _logId, flushedLength, flushedLength).Write(bytes);
        for (var i = 0; i < sectors.Count; i++)
        {
            var descriptor = bytes.AsSpan(LogFormat.HeaderSize + i * LogFormat.DescriptorSize, LogFormat.DescriptorSize);
            WriteSector(descriptor, bytes.AsSpan((before + i) * LogFormat.SectorSize, LogFormat.SectorSize), sectors[i]);
        }

        Checksum.Set(bytes);
        return bytes;
    }

    private void WriteSector(Span<byte> descriptor, Span<byte> data, LogSector sector)
    {
        LogFormat.DataDescriptor.CopyTo(descriptor);
        sector.Bytes.AsSpan(^LogFormat.TrailingBytes..).CopyTo(descriptor[4..]);
        sector.Bytes.AsSpan(0, LogFormat.LeadingBytes).CopyTo(descriptor[8..]);
        BinaryPrimitives.WriteInt64LittleEndian(descriptor[16..], sector.FileOffset);
        BinaryPrimitives.WriteUInt64LittleEndian(descriptor[24..], _sequence);
        sector.Bytes.CopyTo(data);
        LogFormat.DataSector.CopyTo(data);
        BinaryPrimitives.WriteUInt32LittleEndian(data[4..], (uint)(_sequence >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(data[^LogFormat.TrailingBytes..], (uint)_sequence);
    }
}
