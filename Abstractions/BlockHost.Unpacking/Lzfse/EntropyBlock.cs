// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking.Lzfse;

/// <summary>
/// Unpacks a block with tables: first all of its literals, by four machines in turn, then the triples. Each copies literals and
/// repeats a match; a distance of 0 is the one before.
/// </summary>
internal static class EntropyBlock
{
    private static ReadOnlySpan<byte> LiteralsExtra => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 5, 8];

    private static ReadOnlySpan<int> LiteralsBase => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 28, 60];

    private static ReadOnlySpan<byte> MatchExtra => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 5, 8, 11];

    private static ReadOnlySpan<int> MatchBase => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 56, 312];

    public static bool TryUnpack(
        EntropyHeader header, ReadOnlySpan<byte> literalBits, ReadOnlySpan<byte> tripleBits, scoped ref ByteWriter target)
    {
        var literals = new byte[header.Literals];
        return TryReadLiterals(header, new BackwardBits(literalBits), literals)
            && TryRepeat(header, new BackwardBits(tripleBits), literals, ref target);
    }

    private static bool TryReadLiterals(EntropyHeader header, BackwardBits bits, byte[] literals)
    {
        if (!StateTable.TryMake(header.LiteralTable, EntropyHeader.LiteralStates, [], [], out var table))
            return false;
        if (bits.Take(-header.LiteralBits) != 0)
            return false;
        var states = (int[])header.LiteralState.Clone();
        for (var i = 0; i < literals.Length; i++)
            literals[i] = (byte)table.Next(ref states[i & 3], ref bits);
        return !bits.IsShort;
    }

    private static bool TryRepeat(EntropyHeader header, BackwardBits bits, byte[] literals, ref ByteWriter target)
    {
        Span<byte> distanceExtra = stackalloc byte[EntropyHeader.DistanceSymbols];
        Span<int> distanceBase = stackalloc int[EntropyHeader.DistanceSymbols];
        for (int i = 0, next = 0; i < EntropyHeader.DistanceSymbols; next += 1 << distanceExtra[i++])
            (distanceExtra[i], distanceBase[i]) = ((byte)(i / 4), next);
        if (!StateTable.TryMake(
                header.LiteralsTable, EntropyHeader.LengthStates, LiteralsExtra, LiteralsBase, out var literalsTable)
            || !StateTable.TryMake(header.MatchTable, EntropyHeader.LengthStates, MatchExtra, MatchBase, out var matchTable)
            || !StateTable.TryMake(
                header.DistanceTable, EntropyHeader.DistanceStates, distanceExtra, distanceBase, out var distanceTable)
            || bits.Take(-header.TripleBits) != 0)
            return false;
        var (literalsState, matchState, distanceState) = (header.LiteralsState, header.MatchState, header.DistanceState);
        var (used, distance) = (0, 0);
        for (var i = 0; i < header.Triples; i++)
        {
            var count = literalsTable.NextInRange(ref literalsState, ref bits);
            var match = matchTable.NextInRange(ref matchState, ref bits);
            var far = distanceTable.NextInRange(ref distanceState, ref bits);
            distance = far != 0 ? far : distance;
            if (count > literals.Length - used || bits.IsShort || !target.TryWrite(literals.AsSpan(used, count))
                || (match > 0 && !target.TryRepeat(distance, match)))
                return false;
            used += count;
        }

        return true;
    }
}
