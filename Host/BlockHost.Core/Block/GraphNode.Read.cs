// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Core.Block.Io;

namespace BlockHost.Core.Block;

/// <summary>
/// Reading. What the driver can take as it is goes to it at once; the rest is cut, aligned and bounced here:
/// <code>
///   beyond the end   zeroes, no driver call
///   unaligned        read with head and tail into scratch memory
///   too long         several driver calls
///   foreign memory   into an aligned buffer, then copied
/// </code>
/// </summary>
internal sealed partial class GraphNode
{
    public ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        var bytes = target.Length;
        var length = Length;
        if (_plainReads && ((offset | bytes) & _alignmentMask) == 0 && offset >= 0 && offset <= length && bytes <= length - offset
            && bytes <= _maxTransfer)
            return Node.ReadAsync(offset, target, flags, cancellationToken);
        return TracksReads
            ? ReadTrackedAsync(offset, target, flags, cancellationToken)
            : ReadSlowlyAsync(offset, target, flags, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadSlowlyAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        CheckRange(offset, target.Length);
        var inside = Math.Clamp(Length - offset, 0, target.Length);
        if (inside < target.Length)
            target.Slice(inside).Clear();
        if (inside > 0)
            await ReadAlignedAsync(offset, target.Slice(0, inside), flags, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reads a range inside the node that may be unaligned.</summary>
    private async ValueTask ReadAlignedAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        var range = new AlignedRange(offset, target.Length, _alignmentMask);
        if (range.IsAligned)
        {
            await ReadInPiecesAsync(offset, target, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        using var head = _graph.Buffers.Rent(Math.Max(1, range.Head));
        using var tail = _graph.Buffers.Rent(Math.Max(1, range.Tail));
        var padded = new IoVector();
        padded.Add(head.Memory[..range.Head]);
        padded.Add(target);
        padded.Add(tail.Memory[..range.Tail]);
        await ReadInPiecesAsync(range.Start, padded.All, flags, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ReadInPiecesAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        for (long done = 0; done < target.Length;)
        {
            var piece = target.Slice(done, Math.Min(_maxTransfer, target.Length - done));
            await ReadPieceAsync(offset + done, piece, flags, cancellationToken).ConfigureAwait(false);
            done += piece.Length;
        }
    }

    private async ValueTask ReadPieceAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        if (MemoryAlignment.Holds(target, _profile.Limits.MemoryAlignment))
        {
            await ReadFromDriverAsync(offset, target, flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        for (long done = 0; done < target.Length;)
        {
            using var bounce = _graph.Buffers.Rent(BounceSize(target.Length - done));
            await ReadFromDriverAsync(offset + done, bounce.Memory, flags, cancellationToken).ConfigureAwait(false);
            target.Slice(done, bounce.Memory.Length).CopyFrom(bounce.Memory.Span);
            done += bounce.Memory.Length;
        }
    }

    private ValueTask ReadFromDriverAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        Gate.IsUnlimited
            ? Node.ReadAsync(offset, target, flags, cancellationToken)
            : Gate.RunAsync(
                (Node, offset, target, flags, cancellationToken),
                static r => r.Node.ReadAsync(r.offset, r.target, r.flags, r.cancellationToken),
                cancellationToken);

    /// <summary>Bounce buffers are bounded; every one but the last is a multiple of any sane alignment.</summary>
    private static int BounceSize(long bytes) => (int)Math.Min(bytes, LargestBounce);

    private const int LargestBounce = 1 << 20;

    private void CheckRange(long offset, long bytes)
    {
        if (offset < 0 || bytes < 0 || bytes > long.MaxValue - MaxAlignment - offset)
            throw new BlockException(
                BlockErrorKind.OutOfRange, $"Request of {bytes} bytes at {offset} on node '{Name}' is out of range")
            { NodeName = Name, Offset = offset };
    }

    private const long MaxAlignment = 1L << 31;
}
