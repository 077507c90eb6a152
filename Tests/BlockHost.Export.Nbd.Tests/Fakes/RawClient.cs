// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Export.Nbd.Tests.Fakes;

internal sealed record OptionAnswer(OptionReply Type, byte[] Data)
{
    public string Text => Encoding.UTF8.GetString(Data);
}

internal sealed record Chunk(ChunkFlags Flags, ChunkType Type, ulong Cookie, byte[] Data)
{
    public NbdError Error => (NbdError)BinaryPrimitives.ReadUInt32BigEndian(Data);

    public string ErrorText => Encoding.UTF8.GetString(Data.AsSpan(6));
}

internal sealed record SimpleReply(NbdError Error, ulong Cookie);

/// <summary>Speaks the protocol byte by byte, rightly or wrongly as a test wants.</summary>
internal sealed class RawClient : IDisposable
{
    private readonly Socket _socket;
    private Stream _stream;

    public RawClient(string path)
    {
        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        { ReceiveTimeout = 60_000, SendTimeout = 60_000 };
        _socket.Connect(new UnixDomainSocketEndPoint(path));
        _stream = new NetworkStream(_socket);
    }

    public Socket Socket => _socket;

    /// <summary>TLS replaces it.</summary>
    public Stream Stream
    {
        get => _stream;
        set => _stream = value;
    }

    public RawClient Greet(HandshakeFlags flags = HandshakeFlags.FixedNewstyle | HandshakeFlags.NoZeroes) => Greet((uint)flags);

    public RawClient Greet(uint flags)
    {
        Assert.Equal("NBDMAGICIHAVEOPT"u8.ToArray(), Read(16));
        Assert.Equal([0, 3], Read(2));
        SendUInt32(flags);
        return this;
    }

    public void Send(params byte[] bytes) => _stream.Write(bytes);

    public void SendUInt32(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        Send(bytes);
    }

    public byte[] Read(int length)
    {
        var bytes = new byte[length];
        _stream.ReadExactly(bytes);
        return bytes;
    }

    public bool IsClosed()
    {
        try
        {
            return _stream.Read(new byte[1]) == 0;
        }
        catch (IOException e)
            when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.Shutdown })
        {
            return true;
        }
    }

    public void SendOption(NbdOption option, byte[] data, uint? length = null) => Send(OptionMessage(option, data, length));

    public static byte[] OptionMessage(NbdOption option, byte[] data, uint? length = null)
    {
        var message = new byte[16 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(message, Wire.OptionMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(12), length ?? (uint)data.Length);
        data.CopyTo(message, 16);
        return message;
    }

    /// <summary>All replies to one option, up to its acknowledgement or error.</summary>
    public List<OptionAnswer> Option(NbdOption option, params byte[] data)
    {
        SendOption(option, data);
        return ReadAnswers(option);
    }

    public List<OptionAnswer> ReadAnswers(NbdOption option)
    {
        var answers = new List<OptionAnswer>();
        do
        {
            var header = Read(20);
            Assert.Equal(Wire.OptionReplyMagic, BinaryPrimitives.ReadUInt64BigEndian(header));
            Assert.Equal((uint)option, BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(8)));
            var type = (OptionReply)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(12));
            answers.Add(new(type, Read(BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(16)))));
        }
        while (answers[^1].Type is OptionReply.Server or OptionReply.Info or OptionReply.MetaContext);
        return answers;
    }

    public OptionReply OptionResult(NbdOption option, params byte[] data) => Option(option, data)[^1].Type;

    /// <summary>Handshake to the end.</summary>
    public RawClient Go(string export = "disk", bool structured = true, params string[] contexts)
    {
        Greet();
        if (structured)
            Assert.Equal(OptionReply.Ack, OptionResult(NbdOption.StructuredReply));
        if (contexts.Length > 0)
            Assert.Equal(OptionReply.Ack, OptionResult(NbdOption.SetMetaContext, OptionData.MetaContext(export, contexts)));
        Assert.Equal(OptionReply.Ack, OptionResult(NbdOption.Go, OptionData.Info(export)));
        return this;
    }

    public static byte[] Request(
        NbdCommand command,
        ulong offset = 0,
        uint length = 0,
        CommandFlags flags = 0,
        ulong cookie = 7,
        uint magic = Wire.RequestMagic)
    {
        var message = new byte[28];
        BinaryPrimitives.WriteUInt32BigEndian(message, magic);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(4), (ushort)flags);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(6), (ushort)command);
        BinaryPrimitives.WriteUInt64BigEndian(message.AsSpan(8), cookie);
        BinaryPrimitives.WriteUInt64BigEndian(message.AsSpan(16), offset);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(24), length);
        return message;
    }

    public void SendRequest(
        NbdCommand command,
        ulong offset = 0,
        uint length = 0,
        CommandFlags flags = 0,
        ulong cookie = 7,
        byte[]? payload = null) =>
        Send([.. Request(command, offset, length, flags, cookie), .. payload ?? []]);

    public SimpleReply ReadSimple()
    {
        var header = Read(16);
        Assert.Equal(Wire.SimpleReplyMagic, BinaryPrimitives.ReadUInt32BigEndian(header));
        return new(
            (NbdError)BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4)),
            BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8)));
    }

    public Chunk ReadChunk()
    {
        var header = Read(20);
        Assert.Equal(Wire.StructuredReplyMagic, BinaryPrimitives.ReadUInt32BigEndian(header));
        return new(
            (ChunkFlags)BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(4)),
            (ChunkType)BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6)),
            BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8)),
            Read(BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(16))));
    }

    public NbdError Simple(NbdCommand command, ulong offset = 0, uint length = 0, CommandFlags flags = 0, byte[]? payload = null)
    {
        SendRequest(command, offset, length, flags, payload: payload);
        return ReadSimple().Error;
    }

    /// <summary>The only chunk of a structured answer.</summary>
    public Chunk Structured(NbdCommand command, ulong offset = 0, uint length = 0, CommandFlags flags = 0, byte[]? payload = null)
    {
        SendRequest(command, offset, length, flags, payload: payload);
        var chunk = ReadChunk();
        Assert.Equal(ChunkFlags.Done, chunk.Flags);
        return chunk;
    }

    public byte[] ReadData(ulong offset, uint length)
    {
        var chunk = Structured(NbdCommand.Read, offset, length);
        Assert.Equal(ChunkType.OffsetData, chunk.Type);
        Assert.Equal(offset, BinaryPrimitives.ReadUInt64BigEndian(chunk.Data));
        return chunk.Data[8..];
    }

    public void Dispose()
    {
        _stream.Dispose();
        _socket.Dispose();
    }
}

/// <summary>Option data as the protocol lays it out.</summary>
internal static class OptionData
{
    public static byte[] Info(string export, params InfoType[] requests) =>
        [.. String(export), .. UInt16((ushort)requests.Length), .. requests.SelectMany(r => UInt16((ushort)r))];

    public static byte[] MetaContext(string export, params string[] queries) =>
        [.. String(export), .. UInt32((uint)queries.Length), .. queries.SelectMany(String)];

    public static byte[] String(string text) =>
        [.. UInt32((uint)Encoding.UTF8.GetByteCount(text)), .. Encoding.UTF8.GetBytes(text)];

    public static byte[] UInt32(uint value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private static byte[] UInt16(ushort value) => [(byte)(value >> 8), (byte)value];
}
