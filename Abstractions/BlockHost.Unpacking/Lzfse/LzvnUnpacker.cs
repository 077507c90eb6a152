// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking.Lzfse;

/// <summary>
/// LZVN, the bytewise half of LZFSE. L literals follow the instruction, then M bytes are repeated from D before:
/// <code>
///   LLMMMDDD dddddddd              M + 3, D:d          (DDD below 6)
///   LLMMM110                       M + 3, the last D   (LL = 0: 06 ends, 0E and 16 mean nothing)
///   LLMMM111 dddddddd dddddddd     M + 3, d
///   101LLMMM ddddddMM dddddddd     M:MM + 3, d
///   1110LLLL                       literals alone; 0: the next byte + 16
///   1111MMMM                       a match alone, the last D; 0: the next byte + 16
/// </code>
/// </summary>
internal static class LzvnUnpacker
{
    private const byte EndMark = 0x06;

    public static bool TryUnpack(ReadOnlySpan<byte> packed, ref ByteWriter target)
    {
        var source = new ByteReader(packed);
        var distance = 0;
        while (source.TryRead(out var instruction))
        {
            if (instruction == EndMark)
                return true;
            if (instruction is 0x0e or 0x16)
                continue;
            if (!TryDecode(ref source, instruction, ref distance, out var literals, out var match)
                || !source.TryTake(literals, out var bytes) || !target.TryWrite(bytes)
                || (match > 0 && !target.TryRepeat(distance, match)))
                return false;
        }

        return false;
    }

    private static bool TryDecode(ref ByteReader source, byte instruction, ref int distance, out int literals, out int match)
    {
        (literals, match) = (0, 0);
        switch (instruction >> 4)
        {
            case 0x7 or 0xd:
                return false;
            case 0xe:
                return TryCount(ref source, instruction, out literals);
            case 0xf:
                return TryCount(ref source, instruction, out match);
            case 0xa or 0xb:
                if (!source.TryReadLittle16(out var rest))
                    return false;
                (literals, match, distance) = (instruction >> 3 & 3, ((instruction & 7) << 2 | rest & 3) + 3, rest >> 2);
                return true;
            default:
                (literals, match) = (instruction >> 6, (instruction >> 3 & 7) + 3);
                return TryDistance(ref source, instruction, ref distance);
        }
    }

    private static bool TryDistance(ref ByteReader source, byte instruction, ref int distance)
    {
        switch (instruction & 7)
        {
            case 6:
                return instruction >> 6 != 0;
            case 7:
                return source.TryReadLittle16(out distance);
            default:
                if (!source.TryRead(out var low))
                    return false;
                distance = (instruction & 7) << 8 | low;
                return true;
        }
    }

    private static bool TryCount(ref ByteReader source, byte instruction, out int count)
    {
        count = instruction & 0xf;
        if (count != 0)
            return true;
        if (!source.TryRead(out var more))
            return false;
        count = more + 16;
        return true;
    }
}
