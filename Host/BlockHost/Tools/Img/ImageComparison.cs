// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>Walks two images and tells the first difference, null where there is none.</summary>
internal sealed class ImageComparison(OpenImage first, OpenImage second, long common, bool strict, ProgressLine progress)
{
    private const int BufferSize = 2 * 1024 * 1024;
    private const int Sector = 512;

    private readonly long _total = Math.Max(first.Length, second.Length);
    private readonly byte[] _buffer1 = new byte[BufferSize];
    private readonly byte[] _buffer2 = new byte[BufferSize];
    private readonly StatusRun _runs1 = new(first);
    private readonly StatusRun _runs2 = new(second);

    public async ValueTask<string?> CommonPartAsync(CancellationToken cancellationToken)
    {
        for (var offset = 0L; offset < common;)
        {
            var piece = await NextPieceAsync(offset, cancellationToken);
            if (piece.IsMismatch)
                return $"Strict mode: Offset {offset} block status mismatch!";
            if (!(piece.Empty1 && piece.Empty2))
            {
                piece = piece with { Length = Math.Min(piece.Length, BufferSize) };
                (piece, var difference) = await ComparedAsync(piece, cancellationToken);
                if (difference is { } at)
                    return $"Content mismatch at offset {at}!";
            }

            offset += piece.Length;
            progress.Report((double)offset / _total);
        }

        return null;
    }

    public async ValueTask<string?> TailAsync(OpenImage longer, long start, CancellationToken cancellationToken)
    {
        var runs = new StatusRun(longer);
        for (var offset = start; offset < longer.Length;)
        {
            var status = await runs.AtAsync(offset, longer.Length, cancellationToken);
            var length = status.Bytes;
            if (!IsEmpty(status))
            {
                length = Math.Min(length, BufferSize);
                var bytes = _buffer1.AsMemory(0, (int)length);
                await ReadAsync(longer, offset, bytes, cancellationToken);
                if (FirstNonZero(bytes.Span) is { } at)
                    return $"Content mismatch at offset {offset + at}!";
            }

            offset += length;
            progress.Report((double)offset / _total);
        }

        return null;
    }

    /// <summary>The longest run from an offset on in which neither image changes its state.</summary>
    private async ValueTask<Piece> NextPieceAsync(long offset, CancellationToken cancellationToken)
    {
        var status1 = await _runs1.AtAsync(offset, common, cancellationToken);
        var status2 = await _runs2.AtAsync(offset, common, cancellationToken);
        var isMismatch = strict && Kind(status1) != Kind(status2);
        return new Piece(offset, Math.Min(status1.Bytes, status2.Bytes), IsEmpty(status1), IsEmpty(status2), isMismatch);
    }

    /// <returns>What was compared, and where the images differ.</returns>
    private async ValueTask<(Piece Piece, long? Difference)> ComparedAsync(Piece piece, CancellationToken cancellationToken)
    {
        var wide = await WidenedAsync(piece, cancellationToken);
        try
        {
            return (wide, await DifferenceAsync(wide, cancellationToken));
        }
        catch (ToolException) when (wide.Length > piece.Length)
        {
            // Something in it cannot be read: the first piece that cannot is to be named, and what differs before it.
            return (piece, await DifferenceAsync(piece, cancellationToken));
        }
    }

    /// <summary>
    /// Data of both images that goes on in further runs is read at once: images in many pieces cost no more than whole ones.
    /// </summary>
    private async ValueTask<Piece> WidenedAsync(Piece piece, CancellationToken cancellationToken)
    {
        while (!piece.Empty1 && !piece.Empty2 && piece.Length < BufferSize && piece.End < common)
        {
            var next = await NextPieceAsync(piece.End, cancellationToken);
            if (next.IsMismatch || next.Empty1 || next.Empty2)
                break;
            piece = piece with { Length = Math.Min(piece.Length + next.Length, BufferSize) };
        }

        return piece;
    }

    private async ValueTask<long?> DifferenceAsync(Piece piece, CancellationToken cancellationToken)
    {
        var bytes1 = _buffer1.AsMemory(0, (int)piece.Length);
        var bytes2 = _buffer2.AsMemory(0, (int)piece.Length);
        if (!piece.Empty1)
            await ReadAsync(first, piece.Offset, bytes1, cancellationToken);
        if (!piece.Empty2)
            await ReadAsync(second, piece.Offset, bytes2, cancellationToken);
        int? at = piece.Empty1 ? FirstNonZero(bytes2.Span) : piece.Empty2 ? FirstNonZero(bytes1.Span) : FirstDifference(
            bytes1.Span, bytes2.Span);
        return at is { } index ? piece.Offset + index : null;
    }

    private static async ValueTask ReadAsync(
        OpenImage image, long offset, Memory<byte> target, CancellationToken cancellationToken)
    {
        var status = await image.Queue.ReadAsync(offset, target, cancellationToken: cancellationToken);
        if (!status.IsOk)
            throw CompareCommand.CannotRead(offset, image, status);
    }

    /// <summary>Where the run lies does not matter, but whether it ends the image does.</summary>
    private static BlockStatusFlags Kind(ChainStatus status) => status.Flags & ~(BlockStatusFlags.Raw | BlockStatusFlags.Recurse);

    private static bool IsEmpty(ChainStatus status) =>
        (status.Flags & BlockStatusFlags.Zero) != 0 || (status.Flags & (BlockStatusFlags.Data | BlockStatusFlags.Allocated)) == 0;

    private static int? FirstNonZero(ReadOnlySpan<byte> bytes) =>
        bytes.IndexOfAnyExcept((byte)0) is >= 0 and var at ? at / Sector * Sector : null;

    private static int? FirstDifference(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) =>
        a.CommonPrefixLength(b) is var same && same < a.Length ? same / Sector * Sector : null;

    /// <param name="IsMismatch">The states differ where they must not.</param>
    private readonly record struct Piece(long Offset, long Length, bool Empty1, bool Empty2, bool IsMismatch)
    {
        public long End => Offset + Length;
    }
}
