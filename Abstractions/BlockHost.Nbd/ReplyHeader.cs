// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Nbd;

/// <summary>
/// The head of a reply as a client reads it: of a simple one, or of one chunk of a structured one. <see cref="ReplyEncoder"/>
/// shows both.
/// </summary>
/// <param name="Length">Bytes that follow a chunk's head; a simple reply does not say.</param>
public readonly record struct ReplyHeader(
    bool IsStructured, ulong Cookie, NbdError Error, ChunkFlags Flags, ChunkType Type, uint Length)
{
    /// <summary>Bytes that the head takes, by its magic; 0 where it is none.</summary>
    public static int LengthOf(uint magic) => magic switch
    {
        Wire.SimpleReplyMagic => Wire.SimpleReplyLength,
        Wire.StructuredReplyMagic => Wire.ChunkHeaderLength,
        _ => 0,
    };

    public bool IsLast => !IsStructured || (Flags & ChunkFlags.Done) != 0;

    /// <summary>Of a head that is complete and begins with one of the two magics.</summary>
    public static ReplyHeader Parse(ReadOnlySpan<byte> head) =>
        BinaryPrimitives.ReadUInt32BigEndian(head) == Wire.SimpleReplyMagic
        ? new(
            false,
            BinaryPrimitives.ReadUInt64BigEndian(head[8..]),
            (NbdError)BinaryPrimitives.ReadUInt32BigEndian(head[4..]),
            ChunkFlags.Done,
            ChunkType.None,
            0)
        : new(
            true,
            BinaryPrimitives.ReadUInt64BigEndian(head[8..]),
            NbdError.None,
            (ChunkFlags)BinaryPrimitives.ReadUInt16BigEndian(head[4..]),
            (ChunkType)BinaryPrimitives.ReadUInt16BigEndian(head[6..]),
            BinaryPrimitives.ReadUInt32BigEndian(head[16..]));
}
