// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;

namespace BlockHost.Images;

internal enum PieceKind
{
    Data,
    Zero,

    /// <summary>The target's backing file already provides it.</summary>
    Backing,
}

/// <param name="Offset">In the target.</param>
internal readonly record struct Piece(PieceKind Kind, OpenImage Source, long SourceOffset, long Offset, long Length);

/// <summary>Cuts the sources, one behind the other, into pieces of one kind by their block status. One caller at a time.</summary>
internal sealed class PieceFinder(IReadOnlyList<OpenImage> sources, CopyOptions options)
{
    private readonly IBlockQueue[] _queues = [.. sources.Select(source => source.Queue)];
    private int _source;
    private long _start;
    private long _offset;
    private PieceKind _kind;
    private long _runEnd;

    /// <summary>Null at the end. Only data is cut to <paramref name="maxData"/> bytes.</summary>
    public async ValueTask<Piece?> NextAsync(int maxData, CancellationToken cancellationToken)
    {
        while (_source < sources.Count && _offset - _start >= sources[_source].Length)
        {
            _start += sources[_source].Length;
            _source++;
        }

        if (_source == sources.Count)
            return null;
        if (_offset >= _runEnd)
            await FindRunAsync(cancellationToken);

        var length = _runEnd - _offset;
        if (_kind == PieceKind.Data)
            length = Math.Min(length, maxData - (_offset % maxData));
        var piece = new Piece(_kind, sources[_source], _offset - _start, _offset, length);
        _offset += length;
        return piece;
    }

    private async ValueTask FindRunAsync(CancellationToken cancellationToken)
    {
        var source = sources[_source];
        var at = _offset - _start;
        var status = await _queues[_source].GetStatusAsync(at, source.Length - at, cancellationToken: cancellationToken);
        if (!status.Status.IsOk)
            throw new ToolException($"error while reading block status at offset {_offset}: {ImageErrors.Text(status.Status.Errno)}");
        _kind = KindOf(status);
        _runEnd = _offset + status.Bytes;
        if (options.Compress && options.ClusterSize > 0 && _kind != PieceKind.Backing)
            GrowToCluster(source);
    }

    /// <summary>A compressed write is whole clusters, so one that is only partly data is data.</summary>
    private void GrowToCluster(OpenImage source)
    {
        var end = _start + source.Length;
        var remainder = _runEnd % options.ClusterSize;
        if (remainder == 0 || _runEnd >= end)
            return;
        if (_kind == PieceKind.Zero && _runEnd - remainder > _offset)
        {
            _runEnd -= remainder;
            return;
        }

        _kind = PieceKind.Data;
        _runEnd = Math.Min(end, _runEnd + options.ClusterSize - remainder);
    }

    private PieceKind KindOf(ChainStatus status)
    {
        if (options.TargetHasBacking && status.Depth > 0)
            return PieceKind.Backing;
        if ((status.Flags & BlockStatusFlags.Zero) != 0)
            return PieceKind.Zero;
        return (status.Flags & (BlockStatusFlags.Data | BlockStatusFlags.Compressed)) != 0 ? PieceKind.Data : PieceKind.Zero;
    }
}

/// <summary>Runs of zero and other bytes in a buffer.</summary>
internal static class ZeroRuns
{
    /// <summary>Length of the first run; a run of zeroes is made of whole steps of <paramref name="step"/> bytes.</summary>
    public static int Next(ReadOnlySpan<byte> data, int step, out bool isZero)
    {
        isZero = IsZero(data, 0, step);
        var at = Math.Min(step, data.Length);
        while (at < data.Length && IsZero(data, at, step) == isZero)
            at = Math.Min(data.Length, at + step);
        return at;
    }

    private static bool IsZero(ReadOnlySpan<byte> data, int at, int step) =>
        !data.Slice(at, Math.Min(step, data.Length - at)).ContainsAnyExcept((byte)0);
}
