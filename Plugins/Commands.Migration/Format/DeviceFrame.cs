// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Numerics;

namespace BlockHost.Plugins.Commands.Migration.Format;

/// <summary>
/// The state of a device in the stream, so that who does not know the device can pass over it and who does can believe it.
/// <code>
///   flags 4   version 4   length 4   state   CRC-32C 4        bit 0 of the flags: may be left out
/// </code>
/// The checksum is that of all that stands before it.
/// </summary>
internal readonly record struct DeviceFrame(bool IsOptional, int Version, ReadOnlyMemory<byte> State)
{
    public const int HeaderLength = 12;

    /// <summary>Of a state; more is an attack.</summary>
    public const int MaxLength = 64 << 20;

    private const uint Optional = 1;

    public byte[] Encode()
    {
        var frame = new byte[HeaderLength + State.Length + sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(frame, IsOptional ? Optional : 0);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), Version);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(8), State.Length);
        State.Span.CopyTo(frame.AsSpan(HeaderLength));
        var end = frame.Length - sizeof(uint);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(end), Checksum(frame.AsSpan(0, end)));
        return frame;
    }

    /// <summary>The state's length, which the header gives.</summary>
    /// <exception cref="InvalidDataException">No state is that long.</exception>
    public static int LengthOf(ReadOnlySpan<byte> header)
    {
        var length = BinaryPrimitives.ReadUInt32BigEndian(header[8..]);
        return length <= MaxLength ? (int)length : throw new InvalidDataException($"A device's state of {length} bytes is too long");
    }

    /// <param name="frame">All of it.</param>
    /// <exception cref="InvalidDataException">It is damaged, or says what is not known.</exception>
    public static DeviceFrame Decode(ReadOnlyMemory<byte> frame)
    {
        var bytes = frame.Span;
        var end = frame.Length - sizeof(uint);
        if (BinaryPrimitives.ReadUInt32BigEndian(bytes[end..]) != Checksum(bytes[..end]))
            throw new InvalidDataException("A device's state is damaged");
        var flags = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        if ((flags & ~Optional) != 0)
            throw new InvalidDataException($"Unknown flags in a device's state: {flags:x}");
        return new DeviceFrame(
            flags != 0, BinaryPrimitives.ReadInt32BigEndian(bytes[4..]), frame[HeaderLength..end]);
    }

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var sum = uint.MaxValue;
        foreach (var one in bytes)
            sum = BitOperations.Crc32C(sum, one);
        return ~sum;
    }
}
