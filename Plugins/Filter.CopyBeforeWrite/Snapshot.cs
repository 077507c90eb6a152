// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Copying;

namespace BlockHost.Plugins.Filter.CopyBeforeWrite;

/// <summary>
/// A disk as it was at one moment: partly on the target, and where nothing has been written since, on the source.
/// </summary>
/// <param name="inside">What is of interest; null: all.</param>
/// <param name="readers">Let go of at the end.</param>
internal sealed class Snapshot(
    ClusterCopier copier, IDirtyBitmap pending, IDirtyBitmap? inside, IDisposable? readers) : IDisposable
{
    private volatile bool _broken;

    public ClusterCopier Copier => copier;

    /// <summary>Something could not be copied before it was overwritten.</summary>
    public bool IsBroken => _broken;

    public void Break() => _broken = true;

    public async ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken)
    {
        Check(offset, target.Length);
        await copier.ReadAsync(offset, target, cancellationToken).ConfigureAwait(false);
        Check(offset, target.Length);
    }

    public ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        Check(offset, 1);
        return copier.GetStatusAsync(offset, bytes, precision, cancellationToken);
    }

    public void Dispose()
    {
        pending.Dispose();
        inside?.Dispose();
        readers?.Dispose();
    }

    private void Check(long offset, long bytes)
    {
        if (_broken)
            throw new BlockException(
                BlockErrorKind.PermissionDenied,
                "The snapshot is broken: old data could not be copied before it was overwritten",
                Errno.EACCES)
            { Offset = offset };
        if (inside?.GetRun(offset, bytes) is { } run && (!run.Dirty || run.Bytes < bytes))
            throw new BlockException(BlockErrorKind.PermissionDenied, "The range is not part of the snapshot", Errno.EACCES)
            { Offset = offset };
    }
}
