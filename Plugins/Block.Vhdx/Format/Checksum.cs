// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Numerics;

namespace BlockHost.Plugins.Block.Vhdx.Format;

/// <summary>
/// CRC-32C, as headers, region tables and log entries have it behind their signature: over all of the structure, itself zero.
/// </summary>
internal static class Checksum
{
    public const uint Seed = uint.MaxValue;

    private const int At = 4;
    private const int End = At + sizeof(uint);

    public static bool IsRight(ReadOnlySpan<byte> structure) =>
        Of(structure) == BinaryPrimitives.ReadUInt32LittleEndian(structure[At..]);

    public static void Set(Span<byte> structure) => BinaryPrimitives.WriteUInt32LittleEndian(structure[At..], Of(structure));

    /// <summary>Of a structure in pieces: the first one.</summary>
    public static uint AddFirst(ReadOnlySpan<byte> bytes) =>
        Add(Add(Add(Seed, bytes[..At]), stackalloc byte[sizeof(uint)]), bytes[End..]);

    public static uint Add(uint state, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes)
            state = BitOperations.Crc32C(state, b);
        return state;
    }

    public static uint Finish(uint state) => ~state;

    private static uint Of(ReadOnlySpan<byte> structure) => Finish(AddFirst(structure));
}
