// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Nbd;

/// <summary>
/// Headers of the transmission phase's replies:
/// <code>
///   simple      magic(4) error(4) cookie(8)                         payload of a read
///   structured  magic(4) flags(2) type(2) cookie(8) length(4)       length bytes, by type:
///     OFFSET_DATA   offset(8) data      OFFSET_HOLE  offset(8) bytes(4)
///     BLOCK_STATUS  context(4) { bytes(4) flags(4) }...             ERROR  error(4) length(2) text
/// </code>
/// </summary>
public static class ReplyEncoder
{
    public const int HoleChunkLength = Wire.ChunkHeaderLength + 12;

    public static void Simple(Span<byte> target, NbdError error, ulong cookie)
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, Wire.SimpleReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(target[4..], (uint)error);
        BinaryPrimitives.WriteUInt64BigEndian(target[8..], cookie);
    }

    public static void Chunk(Span<byte> target, ChunkFlags flags, ChunkType type, ulong cookie, int length)
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, Wire.StructuredReplyMagic);
        BinaryPrimitives.WriteUInt16BigEndian(target[4..], (ushort)flags);
        BinaryPrimitives.WriteUInt16BigEndian(target[6..], (ushort)type);
        BinaryPrimitives.WriteUInt64BigEndian(target[8..], cookie);
        BinaryPrimitives.WriteUInt32BigEndian(target[16..], (uint)length);
    }

    /// <summary>The header of a read's chunk; <paramref name="length"/> bytes of data follow it.</summary>
    public static void DataChunk(Span<byte> target, ulong cookie, ulong offset, int length, bool last = true)
    {
        Chunk(target, last ? ChunkFlags.Done : ChunkFlags.None, ChunkType.OffsetData, cookie, length + 8);
        BinaryPrimitives.WriteUInt64BigEndian(target[Wire.ChunkHeaderLength..], offset);
    }

    /// <summary>Answers a whole read that is zeroes.</summary>
    public static void HoleChunk(Span<byte> target, ulong cookie, ulong offset, uint bytes)
    {
        Chunk(target, ChunkFlags.Done, ChunkType.OffsetHole, cookie, 12);
        BinaryPrimitives.WriteUInt64BigEndian(target[Wire.ChunkHeaderLength..], offset);
        BinaryPrimitives.WriteUInt32BigEndian(target[(Wire.ChunkHeaderLength + 8)..], bytes);
    }

    public static int ErrorChunkLength(ReadOnlySpan<byte> message) => Wire.ChunkHeaderLength + 6 + message.Length;

    public static void ErrorChunk(Span<byte> target, NbdError error, ulong cookie, ReadOnlySpan<byte> message)
    {
        Chunk(target, ChunkFlags.Done, ChunkType.Error, cookie, 6 + message.Length);
        BinaryPrimitives.WriteUInt32BigEndian(target[20..], (uint)error);
        BinaryPrimitives.WriteUInt16BigEndian(target[24..], (ushort)message.Length);
        message.CopyTo(target[26..]);
    }

    public static int StatusChunkLength(int extents) => Wire.ChunkHeaderLength + 4 + (extents * 8);

    public static void StatusChunk(Span<byte> target, bool last, ulong cookie, uint context, IReadOnlyList<Extent> extents)
    {
        Chunk(target, last ? ChunkFlags.Done : ChunkFlags.None, ChunkType.BlockStatus, cookie, 4 + (extents.Count * 8));
        BinaryPrimitives.WriteUInt32BigEndian(target[20..], context);
        for (var i = 0; i < extents.Count; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(target[(24 + (i * 8))..], extents[i].Bytes);
            BinaryPrimitives.WriteUInt32BigEndian(target[(28 + (i * 8))..], extents[i].Flags);
        }
    }
}
