// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Quorum;

/// <summary>A node's options, checked.</summary>
internal sealed record QuorumSettings(int Threshold, bool IsFifo, bool Verifies, bool Rewrites)
{
    /// <exception cref="BlockException">They contradict each other or the number of children; QEMU's texts.</exception>
    public static QuorumSettings From(QuorumOptions options, int children)
    {
        if (children == 0)
            throw Invalid("Number of provided children must be 1 or more");
        if (options.VoteThreshold < 1)
            throw new BlockException(ParameterFault.OutOfRange("vote-threshold", "a value >= 1"));
        if (options.VoteThreshold > children)
            throw Invalid("threshold may not exceed children count");
        var isFifo = options.ReadPattern == QuorumReadPattern.Fifo;
        var (verifies, rewrites) = (!isFifo && options.Blkverify == true, !isFifo && options.RewriteCorrupted == true);
        if (verifies && (children != 2 || options.VoteThreshold != 2))
            throw Invalid("blkverify=on can only be set if there are exactly two files and vote-threshold is 2");
        if (verifies && rewrites)
            throw Invalid("rewrite-corrupted=on cannot be used with blkverify=on");
        return new((int)options.VoteThreshold, isFifo, verifies, rewrites);
    }

    public static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
