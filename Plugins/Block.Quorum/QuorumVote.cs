// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Quorum;

/// <summary>A vote of children on what they have read, or on why they failed.</summary>
internal static class QuorumVote
{
    /// <summary>
    /// The version with the most votes, as the children that have it; of several with as many, the one that came last.
    /// <code>
    ///   child  0 1 2 3 4     version A: 0 2 3   three votes: the winner
    ///   data   A B A A C             B: 1       C: 4
    /// </code>
    /// </summary>
    /// <param name="voters">The children that could be read.</param>
    public static IReadOnlyList<int> Winner(IReadOnlyList<int> voters, Func<int, int, bool> agree)
    {
        var versions = new List<List<int>>();
        foreach (var voter in voters)
        {
            if (versions.Find(version => agree(version[0], voter)) is { } same)
                same.Add(voter);
            else
                versions.Add([voter]);
        }

        var most = versions.Max(version => version.Count);
        return versions.FindLast(version => version.Count == most)!;
    }

    /// <summary>The error that most failing children have.</summary>
    public static BlockException Error(IReadOnlyList<BlockException?> errors)
    {
        var failed = errors.Index().Where(entry => entry.Item is not null).Select(entry => entry.Index).ToList();
        return errors[Winner(failed, (a, b) => errors[a]!.Errno == errors[b]!.Errno)[0]]!;
    }

    public static bool Equal(IoSlice a, IoSlice b)
    {
        if (a.TryGetMemory(out var left) && b.TryGetMemory(out var right))
            return left.Span.SequenceEqual(right.Span);
        return FirstDifference(a, b) < 0;
    }

    /// <summary>Offset of the first byte that differs, or -1.</summary>
    public static long FirstDifference(IoSlice a, IoSlice b)
    {
        long offset = 0;
        foreach (var left in a)
        {
            var span = left.Span;
            foreach (var right in b.Slice(offset, span.Length))
            {
                var common = span.CommonPrefixLength(right.Span);
                offset += common;
                if (common < right.Length)
                    return offset;
                span = span[common..];
            }
        }

        return -1;
    }
}
