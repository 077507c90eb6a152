// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Iscsi.Protocol;

/// <summary>
/// A PDU's first 48 bytes (RFC 7143, section 11.2.1); numbers are big-endian.
/// <code>
///    0 opcode │ 1 flags │ 2 … │ 4 AHS words │ 5 data length
///    8 LUN
///   16 task tag │ 20 by opcode
///   24 CmdSN, StatSN │ 28 ExpStatSN, ExpCmdSN │ 32 MaxCmdSN │ 36 … 47 by opcode
/// </code>
/// </summary>
internal readonly ref struct Header(Span<byte> bytes)
{
    public const int Length = 48;

    /// <summary>Of tags: none.</summary>
    public const uint NoTag = 0xFFFFFFFF;

    /// <summary>To be worked on at once, outside of the order of commands.</summary>
    private const byte Immediate = 0x40;

    private const byte OpcodeMask = 0x3F;
    private const int AhsWord = 4;

    public Span<byte> Bytes { get; } = bytes;

    public Opcode Opcode => (Opcode)(Bytes[0] & OpcodeMask);

    public byte Flags => Bytes[1];

    public bool IsFinal => (Flags & PduFlags.Final) != 0;

    public int AhsLength => Bytes[4] * AhsWord;

    public int DataLength
    {
        get => (Bytes[5] << 16) | (Bytes[6] << 8) | Bytes[7];
        set => (Bytes[5], Bytes[6], Bytes[7]) = ((byte)(value >> 16), (byte)(value >> 8), (byte)value);
    }

    public uint Tag
    {
        get => this[16];
        set => this[16] = value;
    }

    /// <summary>A number by its place in the header.</summary>
    public uint this[int place]
    {
        get => BinaryPrimitives.ReadUInt32BigEndian(Bytes[place..]);
        set => BinaryPrimitives.WriteUInt32BigEndian(Bytes[place..], value);
    }

    /// <summary>Clears <paramref name="target"/>, where a PDU of this side begins.</summary>
    public static Header Start(Span<byte> target, Opcode opcode, byte flags, bool isImmediate = false)
    {
        var header = new Header(target[..Length]);
        header.Bytes.Clear();
        header.Bytes[0] = (byte)((byte)opcode | (isImmediate ? Immediate : 0));
        header.Bytes[1] = flags;
        return header;
    }

    /// <summary>Numbers above 255 in the flat form (SAM-5, 4.7.7.3).</summary>
    public void SetLun(int lun)
    {
        const int flat = 0x4000;
        BinaryPrimitives.WriteUInt16BigEndian(Bytes[8..], (ushort)(lun < 256 ? lun : flat | lun));
    }
}
