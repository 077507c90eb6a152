// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Quorum;

/// <summary>
/// Reads. The first child reads into the request's own buffer, the others into rented ones; where all agree nothing is copied.
/// A child that was outvoted is rewritten only with data that no write can have changed since: the range is read once more while
/// it is locked.
/// </summary>
internal sealed class QuorumReader(IBlockNodeContext context, RangeLock writes, QuorumReports reports)
{
    public async ValueTask FirstThatWorksAsync(
        IReadOnlyList<IBlockChild> children, long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                await children[i].ReadAsync(offset, target, flags, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (BlockException e)
            {
                reports.Bad(QuorumOpType.Read, children[i], offset, target.Length, e);
                if (i == children.Count - 1)
                    throw;
            }
        }
    }

    public async ValueTask VotedAsync(
        IReadOnlyList<IBlockChild> children,
        QuorumSettings settings,
        long offset,
        IoSlice target,
        CancellationToken cancellationToken)
    {
        using var copies = new Copies(context.Host.Buffers, target, children.Count);
        var errors = await ChildRequests.ReadAsync(children, offset, copies, cancellationToken).ConfigureAwait(false);
        if (settings.Rewrites && !copies.Agree(Working(errors)))
            await SettleAsync(children, settings, offset, copies, cancellationToken).ConfigureAwait(false);
        else
            Count(children, settings, offset, copies, errors);
    }

    /// <summary>
    /// Nobody writes the range meanwhile: what the children hold now is what they will be compared by, and get.
    /// </summary>
    private async ValueTask SettleAsync(
        IReadOnlyList<IBlockChild> children,
        QuorumSettings settings,
        long offset,
        Copies copies,
        CancellationToken cancellationToken)
    {
        using var hold = await writes.EnterAsync(offset, copies.Target.Length, exclusive: true).ConfigureAwait(false);
        var errors = await ChildRequests.ReadAsync(children, offset, copies, cancellationToken).ConfigureAwait(false);
        foreach (var outvoted in Count(children, settings, offset, copies, errors))
        {
            try
            {
                await children[outvoted].WriteAsync(
                    offset, copies.Target, WriteFlags.None, cancellationToken).ConfigureAwait(false);
            }
            catch (BlockException)
            {
                // It stays as bad as it was, and has been reported.
            }
        }
    }

    /// <returns>The children that were outvoted.</returns>
    private IReadOnlyList<int> Count(
        IReadOnlyList<IBlockChild> children, QuorumSettings settings, long offset, Copies copies, BlockException?[] errors)
    {
        var bytes = copies.Target.Length;
        reports.Bad(QuorumOpType.Read, children, offset, bytes, errors);
        var voters = Working(errors);
        if (voters.Count < settings.Threshold)
        {
            reports.Failure(offset, bytes);
            throw QuorumVote.Error(errors);
        }

        if (settings.Verifies)
            Verify(copies, voters, offset);
        var outvoted = OutvotedWhole(copies, voters, settings.Threshold) ?? OutvotedBySector(copies, voters, settings.Threshold);
        if (outvoted is null)
        {
            reports.Failure(offset, bytes);
            throw new BlockException(
                BlockErrorKind.Io, $"Fewer than {settings.Threshold} children agree on what {bytes} bytes at {offset} hold")
            {
                NodeName = context.NodeName,
                Offset = offset,
            };
        }

        foreach (var child in outvoted)
            reports.Bad(QuorumOpType.Read, children[child], offset, bytes, error: null);
        return outvoted;
    }

    /// <returns>Null: no version of the whole range has enough votes.</returns>
    private static IReadOnlyList<int>? OutvotedWhole(Copies copies, IReadOnlyList<int> voters, int threshold)
    {
        var winners = QuorumVote.Winner(voters, copies.Agree);
        if (winners.Count < threshold)
            return null;
        copies.Take(winners[0]);
        return [.. voters.Except(winners)];
    }

    /// <summary>
    /// A long range can have damage in more than one child, or hold a write that a power cut left half done, and yet each of its
    /// sectors has enough votes. QEMU gives up here.
    /// </summary>
    private static IReadOnlyList<int>? OutvotedBySector(Copies copies, IReadOnlyList<int> voters, int threshold)
    {
        var outvoted = new SortedSet<int>();
        for (long at = 0; at < copies.Target.Length; at += Copies.SectorSize)
        {
            var winners = QuorumVote.Winner(voters, (one, other) => copies.Agree(one, other, at));
            if (winners.Count < threshold)
                return null;
            outvoted.UnionWith(voters.Except(winners));
            // What this one holds from here on is still to be voted on.
            copies.Take(winners[0], at);
        }

        return [.. outvoted];
    }

    private void Verify(Copies copies, IReadOnlyList<int> voters, long offset)
    {
        if (voters.Count < 2 || QuorumVote.FirstDifference(copies[voters[0]], copies[voters[1]]) is not (>= 0 and var at))
            return;
        reports.Failure(offset, copies.Target.Length);
        throw new BlockException(
            BlockErrorKind.Io, $"quorum: offset={offset} bytes={copies.Target.Length} contents mismatch at offset {offset + at}")
        {
            NodeName = context.NodeName,
            Offset = offset + at,
        };
    }

    private static List<int> Working(BlockException?[] errors) =>
        [.. Enumerable.Range(0, errors.Length).Where(i => errors[i] is null)];
}
