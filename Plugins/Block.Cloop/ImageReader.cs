// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Cloop.Format;

namespace BlockHost.Plugins.Block.Cloop;

/// <summary>
/// Finds out which of cloop's forms an image has:
/// <code>
///   header │ index │ blocks                0.68, 1.0, 2.0, 4.0, Accelerated Knoppix
///   header │ blocks │ index │ tail         3.0 (the header counts no blocks; tail: bytes of an entry, blocks)
///   blocks │ index │ header                2.0, 4.0
/// </code>
/// </summary>
internal static class ImageReader
{
    private const int TailSize = 8;

    public static async ValueTask<(CloopHeader Header, BlockIndex Index)> ReadAsync(
        IBlockChild file, CancellationToken cancellationToken)
    {
        var first = await ReadHeaderAsync(file, 0, cancellationToken).ConfigureAwait(false);
        if (!first.IsKnown && file.Length >= CloopHeader.Size)
        {
            var at = file.Length - CloopHeader.Size;
            var last = await ReadHeaderAsync(file, at, cancellationToken).ConfigureAwait(false);
            if (last.IsKnown)
                return Describe(last, file, FormOf(last), at - BlockIndex.SizeOf(FormOf(last), last.Blocks));
        }

        if (first.HasTail && await TryReadTailAsync(file, first, cancellationToken).ConfigureAwait(false) is { } image)
            return image;
        first.RequireReadable();
        var form = await GuessAsync(file, first, cancellationToken).ConfigureAwait(false);
        return Describe(first, file, form, CloopHeader.Size);
    }

    private static (CloopHeader Header, BlockIndex Index) Describe(
        CloopHeader header, IBlockChild file, IndexForm form, long indexAt)
    {
        header.RequireReadable();
        if (indexAt < 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, "The image is too short for its index");
        return (header, new BlockIndex(file, form, indexAt, header.Blocks));
    }

    private static async ValueTask<CloopHeader> ReadHeaderAsync(IBlockChild file, long at, CancellationToken cancellationToken)
    {
        var bytes = new byte[CloopHeader.Size];
        await file.ReadAsync(at, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return CloopHeader.Parse(bytes);
    }

    private static async ValueTask<(CloopHeader Header, BlockIndex Index)?> TryReadTailAsync(
        IBlockChild file, CloopHeader header, CancellationToken cancellationToken)
    {
        var at = file.Length - TailSize;
        if (at < CloopHeader.Size)
            return null;
        var tail = new byte[TailSize];
        await file.ReadAsync(at, tail, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var entrySize = BinaryPrimitives.ReadUInt32BigEndian(tail);
        var blocks = BinaryPrimitives.ReadUInt32BigEndian(tail.AsSpan(4));
        IndexForm? form = entrySize switch { 4 => IndexForm.Sizes, 16 => IndexForm.Pairs, _ => null };
        if (form is not { } known || BlockIndex.SizeOf(known, blocks) > at - CloopHeader.Size)
            return null;
        return Describe(header with { Blocks = blocks }, file, known, at - BlockIndex.SizeOf(known, blocks));
    }

    private static IndexForm FormOf(CloopHeader header) =>
        header.Version == "V4.0" ? IndexForm.FlaggedOffsets : IndexForm.Offsets;

    /// <summary>The first block follows the index, so that its offset tells how wide the entries are.</summary>
    private static async ValueTask<IndexForm> GuessAsync(
        IBlockChild file, CloopHeader header, CancellationToken cancellationToken)
    {
        if (header.Version == "V4.0")
            return IndexForm.FlaggedOffsets;
        var bytes = new byte[16];
        await file.ReadAsync(CloopHeader.Size, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        if (header.Blocks == 0)
            return IndexForm.Offsets;
        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes) == EndOf(IndexForm.LittleEndianOffsets, header))
            return IndexForm.LittleEndianOffsets;
        if (BinaryPrimitives.ReadUInt32BigEndian(bytes) == EndOf(IndexForm.ShortOffsets, header))
            return IndexForm.ShortOffsets;
        var isPair = BinaryPrimitives.ReadUInt64BigEndian(bytes) == EndOf(IndexForm.Pairs, header)
            && BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(8)) != 0;
        return isPair ? IndexForm.Pairs : IndexForm.Offsets;
    }

    private static ulong EndOf(IndexForm form, CloopHeader header) =>
        CloopHeader.Size + (ulong)BlockIndex.SizeOf(form, header.Blocks);
}
