// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Vhdx.Tests;

/// <summary>Writes log entries as another program would, by the specification's layout and not by the driver's code.</summary>
internal sealed class LogCraft(MemoryImage image)
{
    public const int Ring = 1 << 20;
    public const int Sector = 4096;

    public Guid Id { get; } = new("11111111-2222-3333-4444-555555555555");

    /// <summary>What the file's length is said to be that was flushed, and that is needed.</summary>
    public long Flushed { get; set; } = image.Length;

    public long Needed { get; set; } = image.Length;

    /// <summary>The headers say that the log has something.</summary>
    public void MarkDirty()
    {
        foreach (var header in new[] { VhdxBed.Header1, VhdxBed.Header2 })
            VhdxBed.Seal(image, header, 4096, (48, Id.ToByteArray()));
    }

    /// <summary>An entry that sets sectors of the table, each entry of which is then the value given, or zeroes (null).</summary>
    /// <param name="position">In the ring; what runs over the end goes on at the beginning.</param>
    /// <returns>Where the next entry follows.</returns>
    public int Write(int position, int tail, ulong sequence, params (long FileOffset, ulong? Value)[] changes)
    {
        var data = changes.Count(change => change.Value is not null);
        var bytes = new byte[(1 + data) * Sector];
        "loge"u8.CopyTo(bytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), bytes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(12), tail);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), sequence);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), changes.Length);
        Id.TryWriteBytes(bytes.AsSpan(32));
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(48), Flushed);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(56), Needed);
        var next = Sector;
        for (var i = 0; i < changes.Length; i++)
        {
            var descriptor = bytes.AsSpan(64 + (i * 32));
            BinaryPrimitives.WriteInt64LittleEndian(descriptor[16..], changes[i].FileOffset);
            BinaryPrimitives.WriteUInt64LittleEndian(descriptor[24..], sequence);
            if (changes[i].Value is { } value)
            {
                WriteData(descriptor, bytes.AsSpan(next, Sector), sequence, value);
                next += Sector;
                continue;
            }

            "zero"u8.CopyTo(descriptor);
            BinaryPrimitives.WriteInt64LittleEndian(descriptor[8..], Sector);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), VhdxBed.Crc32C(bytes));
        for (var at = 0; at < bytes.Length; at += Sector)
            image.Write(VhdxBed.Log + ((position + at) % Ring), bytes[at..(at + Sector)]);
        return (position + bytes.Length) % Ring;
    }

    private static void WriteData(Span<byte> descriptor, Span<byte> sector, ulong sequence, ulong value)
    {
        // The value is the first entry; all behind it is "zero".
        "desc"u8.CopyTo(descriptor);
        BinaryPrimitives.WriteUInt64LittleEndian(descriptor[8..], value);
        for (var at = 8; at < 4088; at += 8)
            sector[at] = 2;
        "data"u8.CopyTo(sector);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[4..], (uint)(sequence >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(sector[4092..], (uint)sequence);
    }
}
