// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Formats.WriteLogs;

[Flags]
public enum WriteLogFlags : ulong
{
    None = 0,
    Flush = 1,
    Fua = 2,

    /// <summary>There are no data behind the entry.</summary>
    Discard = 4,

    /// <summary>A name that a person gave to this place; it stands in the entry's own sector.</summary>
    Mark = 8,
    Metadata = 16,
}

/// <summary>
/// One request:
/// <code>
///   sector u64 │ sectors u64 │ flags u64 │ bytes of a mark's name u64 │ the name …
/// </code>
/// </summary>
/// <param name="Sector">On the disk, counted in the log's sectors.</param>
public readonly record struct WriteLogEntry(ulong Sector, ulong Sectors, WriteLogFlags Flags, ulong NameLength = 0)
{
    public const int Size = 32;

    public bool HasData => Sectors > 0 && (Flags & WriteLogFlags.Discard) == 0;

    public void Write(Span<byte> target)
    {
        target.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(target, Sector);
        BinaryPrimitives.WriteUInt64LittleEndian(target[8..], Sectors);
        BinaryPrimitives.WriteUInt64LittleEndian(target[16..], (ulong)Flags);
        BinaryPrimitives.WriteUInt64LittleEndian(target[24..], NameLength);
    }

    public static WriteLogEntry Read(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(source),
        BinaryPrimitives.ReadUInt64LittleEndian(source[8..]),
        (WriteLogFlags)BinaryPrimitives.ReadUInt64LittleEndian(source[16..]),
        BinaryPrimitives.ReadUInt64LittleEndian(source[24..]));
}
