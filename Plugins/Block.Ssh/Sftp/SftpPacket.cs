// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;

namespace BlockHost.Plugins.Block.Ssh.Sftp;

/// <summary>Kinds of packets, of those that a file takes (draft-ietf-secsh-filexfer-02, section 3).</summary>
internal enum SftpPacketType : byte
{
    Init = 1,
    Version = 2,
    Open = 3,
    Close = 4,
    Read = 5,
    Write = 6,
    Fstat = 8,
    Fsetstat = 10,
    Remove = 13,
    Stat = 17,
    Status = 101,
    Handle = 102,
    Data = 103,
    Attributes = 105,
    Extended = 200,
    ExtendedReply = 201,
}

/// <summary>
/// Writes a packet. Numbers are big-endian; a string is its length in 4 bytes and its bytes.
/// <code>
///   0        4      5        9
///   length   type   id       what the type has          length counts from the type on
/// </code>
/// </summary>
internal sealed class SftpPacket
{
    private const int LengthBytes = 4;

    private byte[] _bytes = new byte[128];
    private int _length = LengthBytes;

    public SftpPacket(SftpPacketType type) => Take(1)[0] = (byte)type;

    public SftpPacket Number(uint number)
    {
        BinaryPrimitives.WriteUInt32BigEndian(Take(sizeof(uint)), number);
        return this;
    }

    public SftpPacket Long(long number)
    {
        BinaryPrimitives.WriteInt64BigEndian(Take(sizeof(long)), number);
        return this;
    }

    public SftpPacket String(ReadOnlySpan<byte> bytes)
    {
        Number((uint)bytes.Length);
        bytes.CopyTo(Take(bytes.Length));
        return this;
    }

    public SftpPacket String(string text) => String(Encoding.UTF8.GetBytes(text));

    /// <param name="following">Bytes that are sent behind it and belong to it.</param>
    public ReadOnlyMemory<byte> Finish(long following = 0)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_bytes, (uint)(_length - LengthBytes + following));
        return _bytes.AsMemory(0, _length);
    }

    private Span<byte> Take(int count)
    {
        if (_length + count > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + count));
        _length += count;
        return _bytes.AsSpan(_length - count, count);
    }
}

/// <summary>What a packet of the server's says; every length in it is checked.</summary>
internal ref struct SftpReader(ReadOnlySpan<byte> rest)
{
    private ReadOnlySpan<byte> _rest = rest;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    public uint Number() => BinaryPrimitives.ReadUInt32BigEndian(Take(sizeof(uint)));

    public long Long() => BinaryPrimitives.ReadInt64BigEndian(Take(sizeof(long)));

    public ReadOnlySpan<byte> Bytes()
    {
        var length = Number();
        return length <= _rest.Length ? Take((int)length) : throw SftpFault.Malformed("a string is longer than its packet");
    }

    public string Text() => Encoding.UTF8.GetString(Bytes());

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
            throw SftpFault.Malformed("a packet ends too early");
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
