// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Copying;

/// <summary>
/// Stands over a disk and, before a part of it is written, has what was there copied:
/// <code>
///   guest ─► copy-before-write ─┬─ first the old data ─► target
///                               └─ then the write ─────► source
/// </code>
/// A write whose old data could not be copied fails, unless <see cref="CopyFailed"/> decides otherwise.
/// </summary>
public class CopyBeforeWriteNode(IBlockChild source, IBlockChild target) : BlockFilterNode(source)
{
    private static readonly TimeSpan LongestTimer = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private readonly List<Task> _late = [];
    private ClusterCopier? _copier;
    private TimeSpan _limit = Timeout.InfiniteTimeSpan;
    private TimeProvider _clock = TimeProvider.System;

    public IBlockChild Source => Child;

    public IBlockChild Target { get; } = target;

    /// <summary>
    /// The node has users of its own: nobody beside it may write the source from now on, at the next change of permissions.
    /// </summary>
    public bool Exclusive { get; set; }

    /// <summary>From now on writes copy first; null: no longer. The node is drained, or has no users yet.</summary>
    public void SetCopier(ClusterCopier? copier) => _copier = copier;

    /// <summary>A copy that takes longer has failed, for the write that waits for it. Before the node is used.</summary>
    /// <param name="time">Longer than a timer can run, which is seven weeks: no limit.</param>
    protected void LimitCopies(TimeSpan time, TimeProvider clock) =>
        (_limit, _clock) = (time > LongestTimer ? Timeout.InfiniteTimeSpan : time, clock);

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        (flags & WriteFlags.Unchanged) == 0 && MustCopy(offset, source.Length)
            ? CopyAndWriteAsync(offset, source, flags, cancellationToken)
            : base.WriteAsync(offset, source, flags, cancellationToken);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        (flags & ZeroFlags.Unchanged) == 0 && MustCopy(offset, bytes)
            ? CopyAndZeroAsync(offset, bytes, flags, cancellationToken)
            : base.WriteZeroesAsync(offset, bytes, flags, cancellationToken);

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        MustCopy(offset, bytes)
            ? CopyAndDiscardAsync(offset, bytes, cancellationToken)
            : base.DiscardAsync(offset, bytes, cancellationToken);

    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own)
    {
        const BlockPermissions changing = BlockPermissions.Write | BlockPermissions.Resize;
        if (child == Target)
            return new(BlockPermissions.Write, BlockPermissions.All & ~BlockPermissions.Resize);
        var (needed, shared) = DefaultChildPermissions.Filter(own);
        if ((needed & BlockPermissions.Write) != 0)
            needed |= BlockPermissions.ConsistentRead;
        return new(needed, Exclusive || needed != BlockPermissions.None ? shared & ~changing : shared);
    }

    public override async ValueTask DrainBeginAsync(CancellationToken cancellationToken) =>
        await WhenNoneLate().WaitAsync(cancellationToken).ConfigureAwait(false);

    public override async ValueTask DisposeAsync()
    {
        await WhenNoneLate().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>The old data of a write could not be copied. Returns whether the write goes on all the same.</summary>
    protected virtual bool CopyFailed(CopyResult result) => false;

    private bool MustCopy(long offset, long bytes) => _copier is { } copier && copier.IsPending(offset, bytes);

    private async ValueTask CopyAndWriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        await CopyAsync(offset, source.Length).ConfigureAwait(false);
        await base.WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask CopyAndZeroAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        await CopyAsync(offset, bytes).ConfigureAwait(false);
        await base.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask CopyAndDiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        await CopyAsync(offset, bytes).ConfigureAwait(false);
        await base.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask CopyAsync(long offset, long bytes)
    {
        if (_copier is not { } copier)
            return;
        var result = await CopyInTimeAsync(copier, offset, bytes).ConfigureAwait(false);
        if (!result.Status.IsOk && !CopyFailed(result))
            throw new BlockException(
                BlockErrorKind.Io, $"Cannot copy what is at {offset} before it is written", result.Status.Errno)
            { Offset = offset };
    }

    private async ValueTask<CopyResult> CopyInTimeAsync(ClusterCopier copier, long offset, long bytes)
    {
        if (_limit == Timeout.InfiniteTimeSpan)
            return await copier.CopyAsync(offset, bytes).ConfigureAwait(false);
        var copy = copier.CopyAsync(offset, bytes).AsTask();
        try
        {
            return await copy.WaitAsync(_limit, _clock).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            lock (_late)
            {
                _late.RemoveAll(late => late.IsCompleted);
                _late.Add(copy);
            }

            return new(new IoStatus(Errno.ETIMEDOUT), IsRead: false);
        }
    }

    /// <summary>Copies go on when nobody waits for them any more.</summary>
    private Task WhenNoneLate()
    {
        lock (_late)
            return Task.WhenAll(_late);
    }
}
