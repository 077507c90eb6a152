// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.IO.Compression;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk.Extents;

/// <summary>
/// Grains that are stored compressed, one after another, each written once:
/// <code>
///   0 sector of the disk (64 bits)   8 bytes of data (32 bits)   12 data, a zlib stream (RFC 1950)   padding to a whole sector
/// </code>
/// </summary>
internal sealed class CompressedExtent(IBlockChild file, string type, long length, GrainMap map, IIoBufferPool buffers)
    : SparseExtent(file, type, length, map, buffers)
{
    private const int MarkerSize = 12;

    public override bool IsCompressed => true;

    protected override bool RunsTogether => false;

    protected override BlockStatus StoredStatus(long fileOffset, long bytes) =>
        new(bytes, BlockStatusFlags.Data | BlockStatusFlags.Compressed);

    protected override async ValueTask ReadStoredAsync(
        long grainOffset, long within, IoSlice target, CancellationToken cancellationToken)
    {
        // Data that does not compress can be a little longer than the grain.
        using var packed = Buffers.Rent((int)GrainSize * 2);
        using var grain = Buffers.Rent((int)GrainSize);
        await File.ReadAsync(
            BlkdebugEvent.ReadCompressed, grainOffset, packed.Memory, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var length = packed.Memory.Length;
        var start = 0;
        if (Layout.HasMarkers)
        {
            var said = BinaryPrimitives.ReadUInt32LittleEndian(packed.Memory.Span[8..]);
            start = MarkerSize;
            length = said <= (uint)(length - MarkerSize) ? (int)said : throw Damaged(grainOffset, $"it would have {said} bytes");
        }

        Unpack(packed.Memory.Slice(start, Math.Min(length, packed.Memory.Length - start)), grain.Memory.Span, grainOffset);
        target.CopyFrom(grain.Memory.Span.Slice((int)within, (int)target.Length));
    }

    protected override ValueTask WriteStoredAsync(
        long grainOffset, long within, IoSlice source, CancellationToken cancellationToken) =>
        throw new BlockException(BlockErrorKind.Io, "Could not write to allocated cluster for streamOptimized");

    protected override async ValueTask<long> WriteNewAsync(
        long offset, IoSlice source, BelowReader below, CancellationToken cancellationToken)
    {
        var bytes = Math.Min(GrainSize, Length - offset);
        if (offset % GrainSize != 0 || source.Length < bytes)
            throw VmdkFault.Invalid("Only whole grains can be written to a streamOptimized image");
        using var hold = await Changes.EnterAsync(offset, GrainSize, exclusive: true).ConfigureAwait(false);
        if ((await Map.FindAsync(offset / GrainSize, cancellationToken).ConfigureAwait(false)).State == GrainState.Stored)
            await WriteStoredAsync(0, 0, source, cancellationToken).ConfigureAwait(false);
        var packed = Pack(source.Slice(0, bytes), offset);
        var place = await Map.TakeAsync(packed.Length, cancellationToken).ConfigureAwait(false);
        await File.WriteAsync(
            BlkdebugEvent.WriteCompressed, place, packed, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await Map.SetAsync(offset / GrainSize, new GrainEntry(GrainState.Stored, place), cancellationToken).ConfigureAwait(false);
        return bytes;
    }

    private byte[] Pack(IoSlice data, long offset)
    {
        using var packed = new MemoryStream((int)GrainSize);
        packed.SetLength(MarkerSize);
        packed.Position = MarkerSize;
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            foreach (var segment in data)
                zlib.Write(segment.Span);
            // The grain that ends the disk is stored whole.
            zlib.Write(new byte[GrainSize - data.Length]);
        }

        var size = (uint)packed.Length - MarkerSize;
        packed.SetLength((packed.Length + VmdkFault.SectorSize - 1) / VmdkFault.SectorSize * VmdkFault.SectorSize);
        var bytes = packed.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(bytes, offset / VmdkFault.SectorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), size);
        return bytes;
    }

    private void Unpack(ReadOnlyMemory<byte> packed, Span<byte> grain, long grainOffset)
    {
        var read = 0;
        try
        {
            using var zlib = new ZLibStream(new MemoryStream(packed.ToArray()), CompressionMode.Decompress);
            read = zlib.ReadAtLeast(grain, grain.Length, throwOnEndOfStream: false);
        }
        catch (InvalidDataException e)
        {
            throw Damaged(grainOffset, e.Message);
        }

        if (read == 0)
            throw Damaged(grainOffset, "it is empty");
        grain[read..].Clear();
    }

    private BlockException Damaged(long offset, string why) =>
        new(BlockErrorKind.InvalidArgument, $"The compressed grain at {offset} of '{File.FileName}' is damaged: {why}")
        { Offset = offset };
}
