// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>
/// A node that presents its one filtered child and overrides what it changes. It forwards the operations of this
/// contract version only: an operation added later is emulated over these, never passed through, so that a filter
/// compiled before it cannot be bypassed. For that reason no forwarding override may ever be added here.
/// </summary>
public abstract class BlockFilterNode(IBlockChild child) : BlockNode
{
    private volatile Shown? _shown;

    protected IBlockChild Child { get; } = child;

    /// <summary>The child's, as <see cref="ProfileOver"/> changes it.</summary>
    public override BlockProfile Profile
    {
        get
        {
            var (child, length) = (Child.Profile, ShownLength);
            var shown = _shown;
            if (shown is null || !ReferenceEquals(shown.Child, child) || shown.Length != length)
                _shown = shown = new Shown(child, length, ProfileOver(child, length));
            return shown.Own;
        }
    }

    public override string? FileName => Child.FileName;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        Child.ReadAsync(offset, target, flags, cancellationToken);

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        Child.WriteAsync(offset, source, flags, cancellationToken);

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => Child.FlushAsync(cancellationToken);

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        Child.WriteZeroesAsync(offset, bytes, flags, cancellationToken);

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        Child.DiscardAsync(offset, bytes, cancellationToken);

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        new(new BlockStatus(bytes, BlockStatusFlags.Raw | BlockStatusFlags.OffsetValid, offset, Child));

    /// <summary>Bytes that the node shows.</summary>
    protected virtual long ShownLength => Child.Length;

    /// <summary>
    /// What the node says of itself over such a child; asked for again when the child's profile or the length has changed.
    /// </summary>
    protected virtual BlockProfile ProfileOver(BlockProfile child, long length) => child;

    private sealed record Shown(BlockProfile Child, long Length, BlockProfile Own);
}
