// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking;

/// <summary>
/// One block of LZO1X. There is no official text; the kernel's Documentation/staging/lzo.rst has it:
/// <code>
///   1LLDDDSS hhhhhhhh             5 + L bytes from h:D + 1 before
///   01LDDDSS hhhhhhhh             3 + L bytes from h:D + 1 before
///   001LLLLL … dddddddd ddddddSS  2 + L bytes from d + 1 before
///   0001HLLL … dddddddd ddddddSS  2 + L bytes from H:d + 16384 before; H:d = 0 ends the block
///   0000LLLL …                    after no literals: 3 + L literals; else 2 or 3 bytes from 0000DDSS hhhhhhhh
/// </code>
/// A length of zero goes on in the next bytes: 255 for each that is zero, and the first that is not. S literals follow each.
/// </summary>
public sealed class Lzo1x : IUnpacker
{
    /// <summary>Literals that came before, where they were more than the three that an instruction carries.</summary>
    private const int ManyLiterals = 4;

    public bool TryUnpack(ReadOnlyMemory<byte> packed, Span<byte> content)
    {
        var source = new ByteReader(packed.Span);
        var target = new ByteWriter(content);
        if (!source.TryRead(out var instruction))
            return false;
        var literals = 0;
        if (instruction > 17)
        {
            var first = instruction - 17;
            if (!TryCopy(ref source, ref target, first))
                return false;
            literals = Math.Min(first, ManyLiterals);
            if (!source.TryRead(out instruction))
                return false;
        }

        while (true)
        {
            if (instruction < 16 && literals == 0)
            {
                if (!TryLength(ref source, instruction, 15, out var run) || !TryCopy(ref source, ref target, run + 3))
                    return false;
                literals = ManyLiterals;
            }
            else
            {
                if (!TryMatch(ref source, instruction, literals, out var match))
                    return false;
                if (match.Distance == 0)
                    return target.IsFull;
                if (!target.TryRepeat(match.Distance, match.Length) || !TryCopy(ref source, ref target, match.Literals))
                    return false;
                literals = match.Literals;
            }

            if (!source.TryRead(out instruction))
                return false;
        }
    }

    /// <returns>A distance of 0 ends the block.</returns>
    private static bool TryMatch(
        ref ByteReader source, int instruction, int before, out (int Distance, int Length, int Literals) match)
    {
        match = default;
        if (instruction is >= 16 and < 64)
            return TryFarMatch(ref source, instruction, out match);
        if (!source.TryRead(out var high))
            return false;
        match = instruction switch
        {
            < 16 when before == ManyLiterals => ((high << 2) + (instruction >> 2) + 2049, 3, instruction & 3),
            < 16 => ((high << 2) + (instruction >> 2) + 1, 2, instruction & 3),
            < 128 => ((high << 3) + (instruction >> 2 & 7) + 1, 3 + (instruction >> 5 & 1), instruction & 3),
            _ => ((high << 3) + (instruction >> 2 & 7) + 1, 5 + (instruction >> 5 & 3), instruction & 3),
        };
        return true;
    }

    private static bool TryFarMatch(
        ref ByteReader source, int instruction, out (int Distance, int Length, int Literals) match)
    {
        match = default;
        var isFar = instruction < 32;
        var mask = isFar ? 7 : 31;
        if (!TryLength(ref source, instruction & mask, mask, out var length) || !source.TryReadLittle16(out var rest))
            return false;
        var distance = rest >> 2;
        if (isFar)
            distance |= (instruction & 8) << 11;
        match = isFar && distance == 0
            ? default
            : (distance + (isFar ? 16384 : 1), 2 + length, rest & 3);
        return true;
    }

    private static bool TryLength(ref ByteReader source, int length, int mostInline, out int whole)
    {
        whole = length;
        if (length != 0)
            return true;
        whole = mostInline;
        while (source.TryRead(out var more))
        {
            if (more != 0)
            {
                whole += more;
                return true;
            }

            whole += 255;
            if (whole > int.MaxValue / 2)
                return false;
        }

        return false;
    }

    private static bool TryCopy(ref ByteReader source, ref ByteWriter target, int count) =>
        source.TryTake(count, out var bytes) && target.TryWrite(bytes);
}
