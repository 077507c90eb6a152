// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Formats.Testing.Makers;

/// <summary>Packs as LZFSE in each of its forms, which no program at hand does. It finds few matches.</summary>
public static class LzfseMaker
{
    private const int MostInBlock = 30000;

    private static readonly int[] LiteralsBase = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20, 28, 60];
    private static readonly int[] LiteralsExtra = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 5, 8];
    private static readonly int[] MatchBase = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 56, 312];
    private static readonly int[] MatchExtra = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 5, 8, 11];
    private static readonly int[] DistanceExtra = [.. Enumerable.Range(0, 64).Select(i => i / 4)];
    private static readonly int[] DistanceBase = [.. Enumerable.Range(0, 64).Select(i => DistanceExtra[..i].Sum(e => 1 << e))];

    /// <summary>Literals, and then a match.</summary>
    private readonly record struct Token(int At, int Literals, int Match, int Distance);

    public static byte[] Stored(byte[] content) => [.. "bvx-"u8, .. Little32(content.Length), .. content, .. "bvx$"u8];

    public static byte[] Lzvn(byte[] content)
    {
        var packed = new List<byte>();
        var last = 0;
        foreach (var token in Tokens(content, 0, content.Length, mostLiterals: 271, mostMatch: 271, mostDistance: 65535))
        {
            var literals = content.AsSpan(token.At, token.Literals);
            if (token.Literals > 3 || token.Match == 0)
            {
                packed.AddRange(token.Literals < 16 ? [(byte)(0xe0 | token.Literals)] : [0xe0, (byte)(token.Literals - 16)]);
                packed.AddRange(literals);
                literals = [];
            }

            if (token.Match > 0)
                PutLzvnMatch(packed, literals, token, last);
            last = token.Match > 0 ? token.Distance : last;
        }

        packed.AddRange([0x0e, 0x16, 6, 0, 0, 0, 0, 0, 0, 0]);
        return [.. "bvxn"u8, .. Little32(content.Length), .. Little32(packed.Count), .. packed, .. "bvx$"u8];
    }

    /// <param name="packedTables">"bvx2" and not "bvx1".</param>
    public static byte[] Entropy(byte[] content, bool packedTables)
    {
        var packed = new List<byte>();
        for (var at = 0; at < content.Length; at += MostInBlock)
            packed.AddRange(Block(content, at, Math.Min(MostInBlock, content.Length - at), packedTables));
        return [.. packed, .. "bvx$"u8];
    }

    private static void PutLzvnMatch(List<byte> packed, ReadOnlySpan<byte> literals, Token token, int last)
    {
        var (l, d) = (literals.Length << 6, token.Distance);
        // A match of more than the instruction holds goes on in one for matches alone.
        // With more literals there is less room for the match: what would be there are other instructions.
        var m = Math.Min(token.Match, d >= 1536 && d < 16384 && d != last ? 34 : 10 - 2 * literals.Length);
        if (d == last && literals.IsEmpty && token.Match < 3 + 8)
        {
            packed.Add((byte)(0xf0 | token.Match));
            return;
        }

        if (d == last && !literals.IsEmpty)
            packed.Add((byte)(l | (m - 3) << 3 | 6));
        else if (d < 1536)
            packed.AddRange([(byte)(l | (m - 3) << 3 | d >> 8), (byte)d]);
        else if (d < 16384)
            packed.AddRange([
                (byte)(0xa0 | literals.Length << 3 | (m - 3) >> 2), (byte)(d << 2 | (m - 3) & 3), (byte)(d >> 6)]);
        else
            packed.AddRange([(byte)(l | (m - 3) << 3 | 7), (byte)d, (byte)(d >> 8)]);
        packed.AddRange(literals);
        for (var rest = token.Match - m; rest > 0;)
        {
            var more = Math.Min(rest, 271);
            packed.AddRange(more < 16 ? [(byte)(0xf0 | more)] : [0xf0, (byte)(more - 16)]);
            rest -= more;
        }
    }

    private static List<Token> Tokens(byte[] content, int start, int count, int mostLiterals, int mostMatch, int mostDistance)
    {
        var tokens = new List<Token>();
        var seen = new Dictionary<uint, int>();
        for (var i = 0; i < start && i + 4 <= content.Length; i++)
            seen[BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(i))] = i;
        var (literalsAt, end) = (start, start + count);
        for (var at = start; at < end;)
        {
            var match = 0;
            var from = 0;
            if (at + 4 <= end)
            {
                var key = BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(at));
                if (seen.TryGetValue(key, out from) && at - from <= mostDistance)
                {
                    while (at + match < end && match < mostMatch && content[from + match] == content[at + match]) match++;
                }

                seen[key] = at;
            }

            if (match >= 4)
            {
                tokens.Add(new(literalsAt, at - literalsAt, match, at - from));
                at += match;
                literalsAt = at;
            }
            else if (++at - literalsAt == mostLiterals || at == end)
            {
                tokens.Add(new(literalsAt, at - literalsAt, 0, 0));
                literalsAt = at;
            }
        }

        return tokens;
    }

    private static byte[] Block(byte[] content, int at, int count, bool packedTables)
    {
        var tokens = Tokens(content, at, count, mostLiterals: 315, mostMatch: 2359, mostDistance: 262139);
        byte[] literals = [.. tokens.SelectMany(token => content[token.At..(token.At + token.Literals)])];
        literals = [.. literals, .. new byte[-literals.Length & 3]];
        var lasts = new List<int>();
        var last = 0;
        foreach (var token in tokens)
        {
            // A distance of 0 is the one before.
            lasts.Add(token.Distance == last ? 0 : token.Distance);
            last = token.Distance != 0 ? token.Distance : last;
        }

        int[] ls = [.. tokens.Select(token => SymbolOf(LiteralsBase, token.Literals))];
        int[] ms = [.. tokens.Select(token => SymbolOf(MatchBase, token.Match))];
        int[] ds = [.. lasts.Select(distance => SymbolOf(DistanceBase, distance))];
        var (lt, mt, dt) = (new Machine(ls, 20, 64), new Machine(ms, 20, 64), new Machine(ds, 64, 256));
        var literalMachine = new Machine([.. literals.Select(literal => (int)literal)], 256, 1024);
        var literalBits = new Bits();
        var states = new int[4];
        for (var i = literals.Length - 1; i >= 0; i--)
            states[i & 3] = literalMachine.Put(literals[i], states[i & 3], 0, 0, literalBits);
        var tripleBits = new Bits();
        var (l, m, d) = (0, 0, 0);
        for (var i = tokens.Count - 1; i >= 0; i--)
        {
            d = dt.Put(ds[i], d, lasts[i] - DistanceBase[ds[i]], DistanceExtra[ds[i]], tripleBits);
            m = mt.Put(ms[i], m, tokens[i].Match - MatchBase[ms[i]], MatchExtra[ms[i]], tripleBits);
            l = lt.Put(ls[i], l, tokens[i].Literals - LiteralsBase[ls[i]], LiteralsExtra[ls[i]], tripleBits);
        }

        int[] frequencies = [.. lt.Frequencies, .. mt.Frequencies, .. dt.Frequencies, .. literalMachine.Frequencies];
        int[] numbers = [count, literals.Length, literalBits.Bytes.Length, literalBits.Unused, .. states,
            tokens.Count, tripleBits.Bytes.Length, tripleBits.Unused, l, m, d];
        var header = packedTables ? PackedHeader(numbers, frequencies) : Header(numbers, frequencies);
        return [.. header, .. literalBits.Bytes, .. tripleBits.Bytes];
    }

    private static byte[] Header(int[] n, int[] frequencies)
    {
        var (count, literals, literalBytes, unused, triples, tripleBytes) = (n[0], n[1], n[2], n[3], n[8], n[9]);
        return [.. "bvx1"u8, .. Little32(count), .. Little32(literalBytes + tripleBytes), .. Little32(literals),
            .. Little32(triples), .. Little32(literalBytes), .. Little32(tripleBytes), .. Little32(unused),
            .. n[4..8].SelectMany(Little16),
            .. Little32(n[10]), .. n[11..14].SelectMany(Little16), .. frequencies.SelectMany(Little16)];
    }

    private static byte[] PackedHeader(int[] n, int[] frequencies)
    {
        var table = new Bits();
        foreach (var frequency in frequencies)
        {
            var (value, bits) = frequency switch
            {
                0 => (0, 2),
                1 => (2, 2),
                2 => (1, 3),
                3 => (5, 3),
                < 8 => (3 | (frequency - 4) << 3, 5),
                < 24 => (7 | (frequency - 8) << 4, 8),
                _ => (15 | (frequency - 24) << 4, 14),
            };
            table.Put((uint)value, bits);
        }

        var bytes = table.Bytes;
        ulong[] fields = [
            Join((n[1], 20), (n[2], 20), (n[8], 20), (n[3] + 7, 3)),
            Join((n[4], 10), (n[5], 10), (n[6], 10), (n[7], 10), (n[9], 20), (n[10] + 7, 3)),
            Join((32 + bytes.Length, 32), (n[11], 10), (n[12], 10), (n[13], 10))];
        return [.. "bvx2"u8, .. Little32(n[0]), .. fields.SelectMany(BitConverter.GetBytes), .. bytes];
    }

    private static ulong Join(params ReadOnlySpan<(int Value, int Bits)> fields)
    {
        var (joined, at) = (0UL, 0);
        foreach (var (value, bits) in fields)
        {
            joined |= (ulong)(uint)value << at;
            at += bits;
        }

        return joined;
    }

    private static int SymbolOf(int[] bases, int value) => Array.FindLastIndex(bases, first => first <= value);

    private static byte[] Little32(int value) => BitConverter.GetBytes(value);

    private static byte[] Little16(int value) => BitConverter.GetBytes((ushort)value);

    /// <summary>Bits from the lowest of the first byte on.</summary>
    private sealed class Bits
    {
        private readonly List<byte> _bytes = [];
        private int _count;

        public byte[] Bytes => [.. _bytes];

        /// <summary>Of the last byte, as headers have it: 0 to -7.</summary>
        public int Unused => -(-_count & 7);

        public void Put(uint value, int bits)
        {
            for (var i = 0; i < bits; i++, _count++)
            {
                if (_count % 8 == 0)
                    _bytes.Add(0);
                _bytes[^1] |= (byte)((value >> i & 1) << (_count % 8));
            }
        }
    }

    /// <summary>Each state of the reader: from where on the next state is, and how many bits say which.</summary>
    private sealed class Machine
    {
        private readonly List<(int State, int Base, int Bits)>[] _states;

        public Machine(int[] symbols, int count, int states)
        {
            Frequencies = Scale(symbols, count, states);
            _states = [.. Frequencies.Select(_ => new List<(int, int, int)>())];
            var at = 0;
            for (var symbol = 0; symbol < count; symbol++)
            {
                var frequency = Frequencies[symbol];
                // The smallest number of bits with which so many states reach all.
                var bits = 0;
                while (frequency > 0 && frequency << bits < states) bits++;
                var longer = (2 * states >> bits) - frequency;
                for (var i = 0; i < frequency; i++)
                {
                    _states[symbol].Add(i < longer
                        ? (at, (frequency + i << bits) - states, bits)
                        : (at, i - longer << (bits - 1), bits - 1));
                    at++;
                }
            }
        }

        public int[] Frequencies { get; }

        /// <summary>The state from which a reader finds the symbol, and then that next state.</summary>
        public int Put(int symbol, int next, int extra, int extraBits, Bits bits)
        {
            var state = _states[symbol].First(s => s.Base <= next && next < s.Base + (1 << s.Bits));
            bits.Put((uint)(next - state.Base << extraBits | extra), state.Bits + extraBits);
            return state.State;
        }

        private static int[] Scale(int[] symbols, int count, int states)
        {
            var counts = new int[count];
            foreach (var symbol in symbols) counts[symbol]++;
            if (symbols.Length == 0)
                counts[0] = 1;
            var scaled = counts.Select(n => n == 0 ? 0 : Math.Max(1, (int)((long)n * states / counts.Sum()))).ToArray();
            while (scaled.Sum() > states) scaled[Array.IndexOf(scaled, scaled.Max())]--;
            scaled[Array.IndexOf(scaled, scaled.Max())] += states - scaled.Sum();
            return scaled;
        }
    }
}
