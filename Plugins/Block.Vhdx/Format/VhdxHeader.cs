// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Plugins.Block.Vhdx.Format;

/// <summary>
/// One of the two headers ([MS-VHDX] 2.2.2); the one with the higher sequence number counts:
/// <code>
///   0 "head"     8 sequence number    32 id of last change of the disk    64 version of the log    68 length of the log
///   4 CRC-32C   16 id of last write   48 id of the log's entries          66 version               72 offset of the log
/// </code>
/// No log id: there is nothing in the log.
/// </summary>
internal sealed class VhdxHeader(byte[] bytes)
{
    public const int Size = 4096;

    private const int GuidSize = 16;
    private const ushort KnownVersion = 1;

    public bool IsValid => bytes.AsSpan().StartsWith("head"u8) && Version == KnownVersion && Checksum.IsRight(bytes);

    public ulong Sequence => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(8));

    public Guid FileWriteId { get => Id(16); private set => SetId(16, value); }

    public Guid DataWriteId { get => Id(32); private set => SetId(32, value); }

    public Guid LogId { get => Id(48); private set => SetId(48, value); }

    public ushort LogVersion => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(64));

    public uint LogLength => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(68));

    public long LogOffset => BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(72));

    private ushort Version => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(66));

    public static VhdxHeader New(ulong sequence, uint logLength, long logOffset)
    {
        var bytes = new byte[Size];
        "head"u8.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(66), KnownVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(68), logLength);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(72), logOffset);
        return new VhdxHeader(bytes) { FileWriteId = Guid.NewGuid(), DataWriteId = Guid.NewGuid() }.With(sequence);
    }

    public bool HasSameBytes(VhdxHeader other) => bytes.AsSpan().SequenceEqual(other.ToBytes());

    public byte[] ToBytes() => [.. bytes];

    /// <summary>A copy with another sequence number, and its checksum.</summary>
    public VhdxHeader With(ulong sequence)
    {
        var copy = ToBytes();
        BinaryPrimitives.WriteUInt64LittleEndian(copy.AsSpan(8), sequence);
        Checksum.Set(copy);
        return new VhdxHeader(copy);
    }

    public VhdxHeader WithFileWritten() => new(ToBytes()) { FileWriteId = Guid.NewGuid() };

    public VhdxHeader WithDataWritten() => new(ToBytes()) { FileWriteId = Guid.NewGuid(), DataWriteId = Guid.NewGuid() };

    public VhdxHeader WithLog(Guid id) => new(ToBytes()) { LogId = id };

    private Guid Id(int at) => new(bytes.AsSpan(at, GuidSize));

    private void SetId(int at, Guid id) => id.TryWriteBytes(bytes.AsSpan(at));
}
