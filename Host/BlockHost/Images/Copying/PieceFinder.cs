// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;

namespace BlockHost.Images.Copying;

internal enum PieceKind
{
    Data,
    Zero,

    /// <summary>The target's backing file already provides it.</summary>
    Backing,
}

/// <param name="Offset">In the row of sources and in the target.</param>
internal readonly record struct Piece(PieceKind Kind, long Offset, long Length);

/// <summary>
/// Cuts the sources into pieces of one kind by their block status. One caller at a time.
/// <code>
///   status    |———— data ————|—— hole ——|— data —|
///   pieces    |— 2M —|— 2M —|1|—— zero ——|—— …          (data is cut to the size of a buffer)
/// </code>
/// </summary>
internal sealed class PieceFinder(SourceRow row, CopyOptions options, int maxData)
{
    private const int Sector = 512;

    private long _offset;
    private PieceKind _kind;
    private long _runEnd;

    /// <summary>Told of what could not be read while salvaging.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>Null at the end.</summary>
    public async ValueTask<Piece?> NextAsync(CancellationToken cancellationToken)
    {
        if (_offset >= row.Length)
            return null;
        if (_offset >= _runEnd)
            await FindRunAsync(row.Sources[row.IndexAt(_offset)], cancellationToken);

        var length = _runEnd - _offset;
        if (_kind == PieceKind.Data)
            length = Math.Min(length, maxData);
        var piece = new Piece(_kind, _offset, options.Compress ? WholeClusters(length) : length);
        if (options.Compress && length < options.ClusterSize)
            piece = piece with { Kind = PieceKind.Data };
        _offset += piece.Length;
        return piece;
    }

    /// <summary>A compressed write is of whole clusters, so one that is only partly data is data.</summary>
    private long WholeClusters(long length) => length < options.ClusterSize
        ? Math.Min(options.ClusterSize, row.Length - _offset)
        : length / options.ClusterSize * options.ClusterSize;

    private async ValueTask FindRunAsync(PlacedSource source, CancellationToken cancellationToken)
    {
        var at = _offset - source.Start;
        var inBacking = options.TargetBackingLength is not { } end || _offset < end;
        var limit = source.Length - at;
        if (inBacking && options.TargetBackingLength is { } backingEnd)
            limit = Math.Min(limit, backingEnd - _offset);

        var (kind, length) = await StatusAsync(source, at, limit, cancellationToken);
        // A run that ends within a cluster would make all that follow start within one.
        var tail = (at + length) % source.Alignment;
        if (length > tail)
            length -= tail;
        _kind = kind == PieceKind.Zero && options.TargetHasBacking && !inBacking ? PieceKind.Backing : kind;
        _runEnd = _offset + length;
    }

    private async ValueTask<(PieceKind Kind, long Length)> StatusAsync(
        PlacedSource source, long at, long limit, CancellationToken cancellationToken)
    {
        var image = source.Image;
        if (at >= image.Length)
            return (PieceKind.Zero, limit);
        var status = await image.Queue.GetStatusAsync(
            at, Math.Min(limit, image.Length - at), cancellationToken: cancellationToken);
        if (!status.Status.IsOk)
            return (PieceKind.Data, CannotTell(at, limit, status.Status));
        var length = (status.Bytes + Sector - 1) / Sector * Sector;
        return options.TargetHasBacking && status.Depth > 0 ? BelowTop(image, at, length) : (KindOf(status.Flags), length);
    }

    /// <summary>
    /// What the top layer leaves to its backing file the target leaves to its own; past that file's end are zeroes.
    /// </summary>
    private static (PieceKind Kind, long Length) BelowTop(OpenImage image, long at, long length)
    {
        var backingLength = image.Node.Backing?.Length ?? 0;
        return at >= backingLength ? (PieceKind.Zero, length) : (PieceKind.Backing, Math.Min(length, backingLength - at));
    }

    private long CannotTell(long at, long limit, IoStatus status)
    {
        if (!options.Salvage)
            throw new ToolException($"error while reading block status at offset {at}: {ImageErrors.Text(status.Errno)}");
        Warn?.Invoke($"error while reading block status at offset {at}: {ImageErrors.Text(status.Errno)}");
        return Math.Min(limit, Sector);
    }

    private PieceKind KindOf(BlockStatusFlags flags)
    {
        if ((flags & BlockStatusFlags.Zero) != 0)
            return PieceKind.Zero;
        if ((flags & (BlockStatusFlags.Data | BlockStatusFlags.Compressed)) != 0)
            return PieceKind.Data;
        return options.TargetHasBacking ? PieceKind.Backing : PieceKind.Data;
    }
}
