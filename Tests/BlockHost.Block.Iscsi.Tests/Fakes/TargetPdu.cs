// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Block.Iscsi.Tests.Fakes;

/// <summary>A PDU as a target sees it, or sends it: 48 bytes, and data.</summary>
internal sealed record TargetPdu(byte[] Header, byte[] Data)
{
    public byte Opcode => (byte)(Header[0] & 0x3F);

    public byte Flags => Header[1];

    public uint Tag => this[16];

    /// <summary>Of a SCSI command.</summary>
    public byte Command => Header[32];

    public uint this[int place] => BinaryPrimitives.ReadUInt32BigEndian(Header.AsSpan(place));

    /// <param name="fields">Place and number, four bytes each.</param>
    public static TargetPdu Of(byte opcode, byte flags, byte[]? data = null, params (int Place, uint Value)[] fields)
    {
        var header = new byte[48];
        (header[0], header[1]) = (opcode, flags);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), (uint)(data?.Length ?? 0));
        foreach (var (place, value) in fields)
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(place), value);
        return new TargetPdu(header, data ?? []);
    }

    public TargetPdu With(int place, uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(Header.AsSpan(place), value);
        return this;
    }
}
