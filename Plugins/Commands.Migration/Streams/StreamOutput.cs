// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Plugins.Commands.Migration.Format;

namespace BlockHost.Plugins.Commands.Migration.Streams;

/// <summary>Writes the stream's frames into a buffer that goes out when it is full.</summary>
internal sealed class StreamOutput(Stream stream)
{
    private const int Enough = 64 << 10;

    private readonly MemoryStream _buffer = new();

    /// <summary>Bytes that have gone out.</summary>
    public long Written { get; private set; }

    public void Byte(byte value) => _buffer.WriteByte(value);

    public void Bytes(ReadOnlySpan<byte> value) => _buffer.Write(value);

    public void UInt16(ushort value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        _buffer.Write(bytes);
    }

    public void UInt32(uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        _buffer.Write(bytes);
    }

    public void UInt64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        _buffer.Write(bytes);
    }

    /// <summary>A name of up to 255 bytes, with its length.</summary>
    public void Name(string name)
    {
        var bytes = Encoding.UTF8.GetBytes(name);
        Byte(checked((byte)bytes.Length));
        Bytes(bytes);
    }

    public void Begin()
    {
        UInt32(StreamLayout.Magic);
        UInt32(StreamLayout.Version);
        Byte(StreamLayout.Configuration);
        UInt32((uint)StreamLayout.MachineName.Length);
        Bytes(Encoding.UTF8.GetBytes(StreamLayout.MachineName));
    }

    public void Command(ushort command)
    {
        Byte(StreamLayout.Command);
        UInt16(command);
        UInt16(0);
    }

    /// <summary>The head of a section in one, or of the start of one in parts.</summary>
    public void Section(byte kind, uint section, string name, uint version)
    {
        Byte(kind);
        UInt32(section);
        Name(name);
        UInt32(0);
        UInt32(version);
    }

    public void Part(byte kind, uint section)
    {
        Byte(kind);
        UInt32(section);
    }

    public void Footer(uint section)
    {
        Byte(StreamLayout.Footer);
        UInt32(section);
    }

    public void End(string description)
    {
        Byte(StreamLayout.End);
        Byte(StreamLayout.Description);
        var bytes = Encoding.UTF8.GetBytes(description);
        UInt32((uint)bytes.Length);
        Bytes(bytes);
    }

    public ValueTask FlushIfFullAsync(CancellationToken cancellationToken) =>
        _buffer.Length < Enough ? ValueTask.CompletedTask : FlushAsync(cancellationToken);

    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        await stream.WriteAsync(_buffer.GetBuffer().AsMemory(0, (int)_buffer.Length), cancellationToken).ConfigureAwait(false);
        await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
        Written += _buffer.Length;
        _buffer.SetLength(0);
    }
}
