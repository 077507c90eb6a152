// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Nbd;

/// <summary>
/// A request of the transmission phase (proto.md, "Request message"):
/// <code>
///    0      4      6      8        16        24       28
///   +------+------+------+--------+---------+--------+---------
///   |magic |flags | type | cookie | offset  | length | payload (write)
///   +------+------+------+--------+---------+--------+---------
/// </code>
/// </summary>
public readonly record struct NbdRequest(CommandFlags Flags, NbdCommand Command, ulong Cookie, ulong Offset, uint Length)
{
    public bool HasPayload => Command == NbdCommand.Write;

    public static bool TryParse(ReadOnlySpan<byte> header, out NbdRequest request)
    {
        request = new(
            (CommandFlags)BinaryPrimitives.ReadUInt16BigEndian(header[4..]),
            (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(header[6..]),
            BinaryPrimitives.ReadUInt64BigEndian(header[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(header[16..]),
            BinaryPrimitives.ReadUInt32BigEndian(header[24..]));
        return BinaryPrimitives.ReadUInt32BigEndian(header) == Wire.RequestMagic;
    }

    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, Wire.RequestMagic);
        BinaryPrimitives.WriteUInt16BigEndian(target[4..], (ushort)Flags);
        BinaryPrimitives.WriteUInt16BigEndian(target[6..], (ushort)Command);
        BinaryPrimitives.WriteUInt64BigEndian(target[8..], Cookie);
        BinaryPrimitives.WriteUInt64BigEndian(target[16..], Offset);
        BinaryPrimitives.WriteUInt32BigEndian(target[24..], Length);
    }
}
