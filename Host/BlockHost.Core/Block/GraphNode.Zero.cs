// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Core.Block.Io;

namespace BlockHost.Core.Block;

/// <summary>
/// Writing zeroes and discarding: by the driver where it has a cheap way, else by writing zeroes, or not at all.
/// </summary>
internal sealed partial class GraphNode
{
    public ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, bool mayGrow, CancellationToken cancellationToken)
    {
        try
        {
            CheckWrite(offset, bytes, mayGrow);
        }
        catch (BlockException e)
        {
            return ValueTask.FromException(e);
        }

        if (bytes == 0)
            return ValueTask.CompletedTask;
        NoteWrite(offset, offset + bytes);
        return WriteZeroesAndGrowAsync(offset, bytes, flags, cancellationToken);
    }

    public async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        CheckWrite(offset, bytes, mayGrow: false);
        if (!Generic.DiscardUnmap || Profile.Discard != Support.Native)
            return;
        var (start, end) = new AlignedRange(offset, bytes, _alignmentMask).Inside;
        var largest = LargestPiece(Profile.Limits.MaxDiscard);
        try
        {
            for (var at = start; at < end;)
            {
                var piece = Math.Min(end - at, largest);
                await DiscardByDriverAsync(at, piece, cancellationToken).ConfigureAwait(false);
                at += piece;
            }
        }
        finally
        {
            MarkDirty(offset, bytes);
        }
    }

    private async ValueTask DiscardByDriverAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        try
        {
            await Gate.RunAsync(
                (Node, offset, bytes, cancellationToken),
                static r => r.Node.DiscardAsync(r.offset, r.bytes, r.cancellationToken),
                cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported)
        {
            // A discard is a hint.
        }
    }

    private async ValueTask WriteZeroesAndGrowAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        try
        {
            await WriteZeroesCheckedAsync(offset, bytes, flags, serialising: false, cancellationToken).ConfigureAwait(false);
            GrowTo(offset + bytes);
        }
        finally
        {
            MarkDirty(offset, bytes);
        }
    }

    private async ValueTask WriteZeroesCheckedAsync(
        long offset, long bytes, ZeroFlags flags, bool serialising, CancellationToken cancellationToken)
    {
        var (start, end) = new AlignedRange(offset, bytes, _alignmentMask).Inside;
        var part = flags & ~ZeroFlags.Fua;
        if (start >= end)
        {
            await WriteZeroBufferAsync(offset, bytes, part, serialising, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await WriteZeroBufferAsync(offset, start - offset, part, serialising, cancellationToken).ConfigureAwait(false);
            await WriteZeroesAlignedAsync(start, end - start, part, serialising, cancellationToken).ConfigureAwait(false);
            await WriteZeroBufferAsync(end, offset + bytes - end, part, serialising, cancellationToken).ConfigureAwait(false);
        }

        if ((flags & ZeroFlags.Fua) != 0)
            await FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask WriteZeroesAlignedAsync(
        long offset, long bytes, ZeroFlags flags, bool serialising, CancellationToken cancellationToken)
    {
        if (Profile.WriteZeroes != Support.Native)
        {
            await WriteZeroBufferAsync(offset, bytes, flags, serialising, cancellationToken).ConfigureAwait(false);
            return;
        }

        using var hold = _alignmentMask == 0 && !serialising
            ? null
            : await _writes.EnterAsync(offset, bytes, serialising).ConfigureAwait(false);
        var zeroing = EventTarget is null
            ? WriteZeroesInPiecesAsync(offset, bytes, flags, cancellationToken)
            : WriteZeroesBetweenEventsAsync(offset, bytes, flags, cancellationToken);
        await zeroing.ConfigureAwait(false);
    }

    /// <summary>Cuts at the driver's own zero alignment, so that an unaligned edge does not make the whole slow.</summary>
    private async ValueTask WriteZeroesInPiecesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        var limits = Profile.Limits;
        var alignment = Math.Max(limits.WriteZeroesAlignment, limits.RequestAlignment);
        var largest = LargestPiece(limits.MaxWriteZeroes);
        for (var end = offset + bytes; offset < end;)
        {
            var misaligned = offset % alignment;
            var piece = Math.Min(end - offset, largest);
            if (misaligned != 0)
                piece = Math.Min(piece, alignment - misaligned);
            else if (piece > alignment)
                piece -= piece % alignment;
            await WriteZeroPieceAsync(offset, piece, flags, cancellationToken).ConfigureAwait(false);
            offset += piece;
        }
    }

    private async ValueTask WriteZeroPieceAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        var native = flags & (Profile.WriteZeroesFlags | ZeroFlags.NoFallback | ZeroFlags.Unchanged);
        try
        {
            await Gate.RunAsync(
                (Node, offset, bytes, native, cancellationToken),
                static r => r.Node.WriteZeroesAsync(r.offset, r.bytes, r.native, r.cancellationToken),
                cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported && (flags & ZeroFlags.NoFallback) == 0)
        {
            using var zeroes = RentZeroes(bytes);
            await ForEachPieceAsync(
                offset,
                bytes,
                zeroes.Memory,
                (at, memory) => WriteInPiecesAsync(at, memory, WriteFlagsOf(flags), cancellationToken)).ConfigureAwait(false);
        }
    }

    /// <summary>The slow way: bounded buffers of zeroes.</summary>
    private async ValueTask WriteZeroBufferAsync(
        long offset, long bytes, ZeroFlags flags, bool serialising, CancellationToken cancellationToken)
    {
        if (bytes == 0)
            return;
        if ((flags & ZeroFlags.NoFallback) != 0)
            throw new BlockException(BlockErrorKind.NotSupported, $"Node '{Name}' has no fast way to write zeroes there")
            { NodeName = Name, Offset = offset };
        using var zeroes = RentZeroes(bytes);
        var writeFlags = WriteFlagsOf(flags) | (serialising ? WriteFlags.Serialising : WriteFlags.None);
        await ForEachPieceAsync(
            offset,
            bytes,
            zeroes.Memory,
            (at, memory) => WriteCheckedAsync(at, memory, writeFlags, cancellationToken)).ConfigureAwait(false);
    }

    private System.Buffers.IMemoryOwner<byte> RentZeroes(long bytes)
    {
        var zeroes = _graph.Buffers.Rent(BounceSize(bytes));
        zeroes.Memory.Span.Clear();
        return zeroes;
    }

    private static async ValueTask ForEachPieceAsync(
        long offset, long bytes, Memory<byte> buffer, Func<long, Memory<byte>, ValueTask> write)
    {
        while (bytes > 0)
        {
            var piece = (int)Math.Min(bytes, buffer.Length);
            await write(offset, buffer[..piece]).ConfigureAwait(false);
            offset += piece;
            bytes -= piece;
        }
    }

    private long LargestPiece(long limit)
    {
        var alignment = _alignmentMask + 1;
        return limit <= 0 ? long.MaxValue & ~_alignmentMask : Math.Max(alignment, limit & ~_alignmentMask);
    }

    private static WriteFlags WriteFlagsOf(ZeroFlags flags) =>
        (flags & ZeroFlags.Unchanged) != 0 ? WriteFlags.Unchanged : WriteFlags.None;
}
