// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using BlockHost.Block.Bitmaps;

namespace BlockHost.Core.Block.Bitmaps;

/// <summary>
/// A sparse set of bits that costs memory only where bits of both kinds lie close together.
/// <code>
///   groups ──► pages of a group (4096) ──► words of a page (512) ──► 64 bits
///      no group, no page: all clean          the shared page of ones: all dirty
/// </code>
/// Changes take a lock; a question about one bit does not. A page that was published is never used for other bits, so
/// who reads without the lock sees a state that was true a moment ago.
/// </summary>
internal sealed class BitTree
{
    /// <summary>More would make the list of groups itself large.</summary>
    public const long MaxBits = 1L << 41;

    private const int WordsInPage = 512;
    private const int PageShift = 15;
    private const int PageBits = 1 << PageShift;
    private const int PagesInGroup = 4096;
    private const int GroupShift = PageShift + 12;

    private static readonly ulong[] AllOnes = Ones();

    private readonly Lock _lock = new();
    private Group?[] _groups;
    private long _bits;
    private long _count;

    public BitTree(long bits)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bits);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bits, MaxBits);
        _bits = bits;
        _groups = new Group?[GroupsFor(bits)];
    }

    public long Bits => Volatile.Read(ref _bits);

    /// <summary>Bits that are set.</summary>
    public long Count => Volatile.Read(ref _count);

    public bool this[long bit]
    {
        get
        {
            var groups = Volatile.Read(ref _groups);
            var at = (int)(bit >> GroupShift);
            var page = at < groups.Length && Volatile.Read(ref groups[at]) is { } group
                ? Volatile.Read(ref group.Pages[PageInGroup(bit)])
                : null;
            return page is not null && (Volatile.Read(ref page[WordInPage(bit)]) >> (int)(bit & 63) & 1) != 0;
        }
    }

    /// <summary>Sets [<paramref name="first"/>, <paramref name="end"/>), as far as it exists.</summary>
    public void Set(long first, long end)
    {
        lock (_lock)
        {
            end = Math.Min(end, _bits);
            for (; first < end; first = NextPage(first))
                SetInPage(first, Math.Min(end, NextPage(first)));
        }
    }

    public void Reset(long first, long end)
    {
        lock (_lock)
        {
            end = Math.Min(end, _bits);
            for (; first < end; first = NextPage(first))
                ResetInPage(first, Math.Min(end, NextPage(first)));
        }
    }

    public void Clear()
    {
        lock (_lock)
        {
            Volatile.Write(ref _groups, new Group?[GroupsFor(_bits)]);
            _count = 0;
        }
    }

    /// <summary>
    /// The first bit in [<paramref name="from"/>, <paramref name="end"/>) that is set (or clear), else the end.
    /// </summary>
    public long Find(bool set, long from, long end)
    {
        lock (_lock)
        {
            end = Math.Min(end, _bits);
            while (from < end)
            {
                var group = _groups[from >> GroupShift];
                if (set && (group is null || group.Count == 0))
                    from = ((from >> GroupShift) + 1) << GroupShift;
                else if (FindInPage(group, set, from, Math.Min(end, NextPage(from))) is var found and >= 0)
                    return found;
                else
                    from = NextPage(from);
            }

            return end;
        }
    }

    /// <summary>Changes the number of bits; new ones are clear.</summary>
    public void Resize(long bits)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bits, MaxBits);
        lock (_lock)
        {
            var old = _bits;
            for (var first = bits; first < old; first = NextPage(first))
                ResetInPage(first, Math.Min(old, NextPage(first)));
            var groups = new Group?[GroupsFor(bits)];
            _groups.AsSpan(0, Math.Min(groups.Length, _groups.Length)).CopyTo(groups);
            Volatile.Write(ref _groups, groups);
            Volatile.Write(ref _bits, bits);
        }
    }

    public BitTree Clone()
    {
        lock (_lock)
        {
            var copy = new BitTree(_bits) { _count = _count };
            for (var i = 0; i < _groups.Length; i++)
                copy._groups[i] = _groups[i]?.Clone();
            return copy;
        }
    }

    /// <summary>Becomes a copy of <paramref name="source"/>, cut or continued clean to this number of bits.</summary>
    public void CopyFrom(BitTree source)
    {
        var copy = source.Clone();
        lock (_lock)
        {
            copy.Resize(_bits);
            Volatile.Write(ref _groups, copy._groups);
            _count = copy._count;
        }
    }

    /// <summary>Writes the bits from <paramref name="first"/> (a multiple of 64) on, as little-endian words.</summary>
    public BitmapUniformity Read(long first, Span<byte> target)
    {
        CheckAligned(first, target.Length);
        lock (_lock)
        {
            var end = Math.Min(_bits, first + (target.Length * 8L));
            long set = 0;
            for (var at = first; !target.IsEmpty; target = target[8..], at += 64)
            {
                var word = at < end ? WordAt(at) : 0;
                set += BitOperations.PopCount(word);
                BinaryPrimitives.WriteUInt64LittleEndian(target, word);
            }

            return set == 0 ? BitmapUniformity.AllClean : set == end - first ? BitmapUniformity.AllDirty : BitmapUniformity.Mixed;
        }
    }

    /// <summary>Sets bits from <paramref name="first"/> (a multiple of 64) on where little-endian words have them.</summary>
    public void Or(long first, ReadOnlySpan<byte> source)
    {
        CheckAligned(first, source.Length);
        lock (_lock)
        {
            for (; !source.IsEmpty && first < _bits; source = source[8..], first += 64)
            {
                var word = BinaryPrimitives.ReadUInt64LittleEndian(source);
                if (_bits - first < 64)
                    word &= (1UL << (int)(_bits - first)) - 1;
                if (word != 0)
                    OrWord(first, word);
            }
        }
    }

    private void OrWord(long bit, ulong word)
    {
        var group = GroupFor(bit);
        ref var page = ref group.Pages[PageInGroup(bit)];
        if (page == AllOnes)
            return;
        var words = page ?? Publish(ref page, new ulong[WordsInPage]);
        ref var old = ref words[WordInPage(bit)];
        var added = BitOperations.PopCount(word & ~old);
        Volatile.Write(ref old, old | word);
        Added(group, PageInGroup(bit), added);
    }

    private void SetInPage(long first, long end)
    {
        var group = GroupFor(first);
        var index = PageInGroup(first);
        ref var page = ref group.Pages[index];
        if (page == AllOnes)
            return;
        if (end - first == PageBits)
        {
            Volatile.Write(ref page, AllOnes);
            Added(group, index, PageBits - group.Counts[index]);
            return;
        }

        var words = page ?? Publish(ref page, new ulong[WordsInPage]);
        var added = 0;
        for (; first < end; first = NextWord(first))
        {
            ref var word = ref words[WordInPage(first)];
            var mask = Mask(first, end);
            added += BitOperations.PopCount(mask & ~word);
            Volatile.Write(ref word, word | mask);
        }

        Added(group, index, added);
    }

    private void Added(Group group, int page, int bits)
    {
        _count += bits;
        group.Count += bits;
        if ((group.Counts[page] += (ushort)bits) == PageBits)
            Volatile.Write(ref group.Pages[page], AllOnes);
    }

    private void ResetInPage(long first, long end)
    {
        var index = PageInGroup(first);
        if (_groups[first >> GroupShift] is not { } group || group.Pages[index] is not { } page)
            return;
        var removed = end - first == PageBits ? (int)group.Counts[index] : 0;
        if (removed != 0 || group.Counts[index] == 0)
        {
            Volatile.Write(ref group.Pages[index], null);
        }
        else
        {
            if (page == AllOnes)
                page = Publish(ref group.Pages[index], [.. page]);
            for (; first < end; first = NextWord(first))
            {
                ref var word = ref page[WordInPage(first)];
                var mask = Mask(first, end);
                removed += BitOperations.PopCount(mask & word);
                Volatile.Write(ref word, word & ~mask);
            }
        }

        group.Counts[index] -= (ushort)removed;
        group.Count -= removed;
        _count -= removed;
    }

    private static long FindInPage(Group? group, bool set, long from, long end)
    {
        var page = group?.Pages[PageInGroup(from)];
        if (page is null || group!.Counts[PageInGroup(from)] == 0)
            return set ? -1 : from;
        if (page == AllOnes)
            return set ? from : -1;
        for (; from < end; from = NextWord(from))
        {
            var word = set ? page[WordInPage(from)] : ~page[WordInPage(from)];
            word &= Mask(from, end);
            if (word != 0)
                return (from & ~63L) + BitOperations.TrailingZeroCount(word);
        }

        return -1;
    }

    private ulong WordAt(long bit) => _groups[bit >> GroupShift]?.Pages[PageInGroup(bit)]?[WordInPage(bit)] ?? 0;

    private Group GroupFor(long bit)
    {
        ref var group = ref _groups[bit >> GroupShift];
        return group ?? Publish(ref group, new Group());
    }

    private static T Publish<T>(ref T? place, T value)
        where T : class
    {
        Volatile.Write(ref place, value);
        return value;
    }

    /// <summary>Of the word that holds <paramref name="first"/>: the bits from there to <paramref name="end"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mask(long first, long end)
    {
        var mask = ulong.MaxValue << (int)(first & 63);
        var beyond = NextWord(first) - end;
        return beyond > 0 ? mask & (ulong.MaxValue >> (int)beyond) : mask;
    }

    private static long NextWord(long bit) => (bit | 63) + 1;

    private static long NextPage(long bit) => (bit | (PageBits - 1)) + 1;

    private static int PageInGroup(long bit) => (int)(bit >> PageShift) & (PagesInGroup - 1);

    private static int WordInPage(long bit) => (int)(bit >> 6) & (WordsInPage - 1);

    private static int GroupsFor(long bits) => (int)((bits + (1L << GroupShift) - 1) >> GroupShift);

    private static ulong[] Ones()
    {
        var page = new ulong[WordsInPage];
        page.AsSpan().Fill(ulong.MaxValue);
        return page;
    }

    private static void CheckAligned(long first, int bytes)
    {
        if (first < 0 || first % 64 != 0 || bytes % 8 != 0)
            throw new ArgumentException($"{bytes} bytes from bit {first} are not whole words");
    }

    private sealed class Group
    {
        public readonly ulong[]?[] Pages = new ulong[]?[PagesInGroup];

        /// <summary>Bits set in each page.</summary>
        public readonly ushort[] Counts = new ushort[PagesInGroup];

        public long Count;

        public Group Clone()
        {
            var copy = new Group { Count = Count };
            Counts.CopyTo(copy.Counts, 0);
            for (var i = 0; i < Pages.Length; i++)
                copy.Pages[i] = Pages[i] is { } page && page != AllOnes ? [.. page] : Pages[i];
            return copy;
        }
    }
}
