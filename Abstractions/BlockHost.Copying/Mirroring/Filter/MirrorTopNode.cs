// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Copying.Mirroring.Filter;

/// <summary>
/// Stands over the source while a mirror runs. In write-blocking mode it brings each write to the target too, before the
/// guest hears that it is done:
/// <code>
///   guest ─► mirror_top ─┬─► source
///                        └─► target        (ActiveMirror)
/// </code>
/// </summary>
/// <param name="targetIsBelow">See <see cref="MirrorPlan.TargetIsBelow"/>.</param>
internal sealed class MirrorTopNode(IBlockChild child, bool targetIsBelow) : BlockFilterNode(child)
{
    private ActiveMirror? _active;

    /// <summary>From now on writes go to the target as well. The node is drained.</summary>
    public void SetActive(ActiveMirror active) => _active = active;

    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own)
    {
        var asked = base.GetChildPermissions(child, own);
        return targetIsBelow ? asked with { Needed = asked.Needed & ~BlockPermissions.ConsistentRead } : asked;
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        _active is { } active
            ? WriteBothAsync(active, offset, source, flags, cancellationToken)
            : base.WriteAsync(offset, source, flags, cancellationToken);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        _active is { } active
            ? ZeroBothAsync(active, offset, bytes, flags, cancellationToken)
            : base.WriteZeroesAsync(offset, bytes, flags, cancellationToken);

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        _active is { } active
            ? DiscardBothAsync(active, offset, bytes, cancellationToken)
            : base.DiscardAsync(offset, bytes, cancellationToken);

    // Apart, so that only a write that goes to both allocates what its two steps need.
    private ValueTask WriteBothAsync(
        ActiveMirror active, long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        active.WriteAsync(
            offset,
            source.Length,
            () => base.WriteAsync(offset, source, flags, cancellationToken),
            target => target.WriteAsync(offset, source));

    private ValueTask ZeroBothAsync(
        ActiveMirror active, long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        active.WriteAsync(
            offset,
            bytes,
            () => base.WriteZeroesAsync(offset, bytes, flags, cancellationToken),
            target => target.WriteZeroesAsync(offset, bytes, flags & ZeroFlags.MayUnmap));

    private ValueTask DiscardBothAsync(ActiveMirror active, long offset, long bytes, CancellationToken cancellationToken) =>
        active.WriteAsync(
            offset,
            bytes,
            () => base.DiscardAsync(offset, bytes, cancellationToken),
            target => target.DiscardAsync(offset, bytes));
}
