// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Unpacking.Lzfse;

/// <summary>
/// What stands before the payload of a block with tables, behind the magic. "bvx1" has it in whole numbers:
/// <code>
///    0 raw bytes    8 literals     16 literal bytes    24 literal bits, 4 states    36 triple bits, L, M and D state
///    4 payload     12 triples      20 triple bytes     46 how often each symbol of L, M, D and the literals occurs
/// </code>
/// "bvx2" packs the same into bits, and the numbers of the tables into 2 to 14 bits each:
/// <code>
///    0 raw bytes     4 20 literals, 20 literal bytes, 20 triples, 3 literal bits + 7
///                   12 4 × 10 literal states, 20 triple bytes, 3 triple bits + 7
///                   20 32 header size with the magic, 10 L state, 10 M state, 10 D state
/// </code>
/// </summary>
internal sealed class EntropyHeader
{
    public const int LiteralStates = 1024;
    public const int LengthStates = 64;
    public const int DistanceStates = 256;
    public const int LengthSymbols = 20;
    public const int DistanceSymbols = 64;
    public const int LiteralSymbols = 256;

    private const int Tables = LengthSymbols + LengthSymbols + DistanceSymbols + LiteralSymbols;
    private const int MostLiterals = 40000;
    private const int MostTriples = 10000;
    private const int WholeSize = 46 + Tables * sizeof(ushort);
    private const int PackedSize = 28;

    /// <summary>Of five bits at the front of a packed number: how many it has, and what it is; -1: it goes on.</summary>
    private static ReadOnlySpan<byte> BitsOf =>
        [2, 3, 2, 5, 2, 3, 2, 8, 2, 3, 2, 5, 2, 3, 2, 14, 2, 3, 2, 5, 2, 3, 2, 8, 2, 3, 2, 5, 2, 3, 2, 14];

    private static ReadOnlySpan<sbyte> ValueOf =>
        [0, 2, 1, 4, 0, 3, 1, -1, 0, 2, 1, 5, 0, 3, 1, -1, 0, 2, 1, 6, 0, 3, 1, -1, 0, 2, 1, 7, 0, 3, 1, -1];

    private readonly ushort[] _frequencies = new ushort[Tables];

    public uint RawBytes { get; private set; }

    public int Literals { get; private set; }

    public int LiteralBytes { get; private set; }

    /// <summary>Of the last literal byte so many bits are not used; 0 to -7.</summary>
    public int LiteralBits { get; private set; }

    public int[] LiteralState { get; } = new int[4];

    public int Triples { get; private set; }

    public int TripleBytes { get; private set; }

    public int TripleBits { get; private set; }

    public int LiteralsState { get; private set; }

    public int MatchState { get; private set; }

    public int DistanceState { get; private set; }

    public ReadOnlySpan<ushort> LiteralsTable => _frequencies.AsSpan(0, LengthSymbols);

    public ReadOnlySpan<ushort> MatchTable => _frequencies.AsSpan(LengthSymbols, LengthSymbols);

    public ReadOnlySpan<ushort> DistanceTable => _frequencies.AsSpan(2 * LengthSymbols, DistanceSymbols);

    public ReadOnlySpan<ushort> LiteralTable => _frequencies.AsSpan(2 * LengthSymbols + DistanceSymbols, LiteralSymbols);

    public bool IsSound =>
        Literals is >= 0 and <= MostLiterals && Literals % 4 == 0 && Triples is >= 0 and <= MostTriples
            && LiteralBytes >= 0 && TripleBytes >= 0 && LiteralBits is >= -7 and <= 0 && TripleBits is >= -7 and <= 0
            && LiteralState.All(state => state < LiteralStates) && LiteralsState < LengthStates && MatchState < LengthStates
            && DistanceState < DistanceStates;

    public bool TryRead(ref ByteReader source)
    {
        if (!source.TryTake(WholeSize, out var bytes))
            return false;
        RawBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        Literals = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]);
        Triples = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        LiteralBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]);
        TripleBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[20..]);
        LiteralBits = BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]);
        for (var i = 0; i < LiteralState.Length; i++)
            LiteralState[i] = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(28 + 2 * i)..]);
        TripleBits = BinaryPrimitives.ReadInt32LittleEndian(bytes[36..]);
        LiteralsState = BinaryPrimitives.ReadUInt16LittleEndian(bytes[40..]);
        MatchState = BinaryPrimitives.ReadUInt16LittleEndian(bytes[42..]);
        DistanceState = BinaryPrimitives.ReadUInt16LittleEndian(bytes[44..]);
        for (var i = 0; i < Tables; i++)
            _frequencies[i] = BinaryPrimitives.ReadUInt16LittleEndian(bytes[(46 + 2 * i)..]);
        return true;
    }

    public bool TryReadPacked(ref ByteReader source)
    {
        if (!source.TryTake(PackedSize, out var bytes))
            return false;
        RawBytes = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        var first = BinaryPrimitives.ReadUInt64LittleEndian(bytes[4..]);
        var second = BinaryPrimitives.ReadUInt64LittleEndian(bytes[12..]);
        var third = BinaryPrimitives.ReadUInt64LittleEndian(bytes[20..]);
        Literals = Field(first, 0, 20);
        LiteralBytes = Field(first, 20, 20);
        Triples = Field(first, 40, 20);
        LiteralBits = Field(first, 60, 3) - 7;
        for (var i = 0; i < LiteralState.Length; i++)
            LiteralState[i] = Field(second, 10 * i, 10);
        TripleBytes = Field(second, 40, 20);
        TripleBits = Field(second, 60, 3) - 7;
        LiteralsState = Field(third, 32, 10);
        MatchState = Field(third, 42, 10);
        DistanceState = Field(third, 52, 10);
        return source.TryTake((uint)third - (long)PackedSize - sizeof(uint), out var packed) && TryReadTables(packed);
    }

    private static int Field(ulong bits, int at, int count) => (int)(bits >> at & ((1UL << count) - 1));

    private bool TryReadTables(ReadOnlySpan<byte> packed)
    {
        if (packed.IsEmpty)
            return true;
        ulong bits = 0;
        var count = 0;
        var at = 0;
        for (var i = 0; i < Tables; i++)
        {
            for (; count <= 24 && at < packed.Length; count += 8)
                bits |= (ulong)packed[at++] << count;
            var size = BitsOf[(int)(bits & 31)];
            _frequencies[i] = size switch
            {
                8 => (ushort)(8 + (int)(bits >> 4 & 0xf)),
                14 => (ushort)(24 + (int)(bits >> 4 & 0x3ff)),
                _ => (ushort)ValueOf[(int)(bits & 31)],
            };
            if (size > count)
                return false;
            bits >>= size;
            count -= size;
        }

        return count < 8 && at == packed.Length;
    }
}
