// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Sequences.Tests.Watched;

internal sealed class WatchedNode(BlockNode inner, string path, FileWatch watch) : BlockNode, IResizable
{
    public override BlockProfile Profile => inner.Profile;

    public override string? FileName => inner.FileName;

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        DoAsync(
            new(FileWork.Read, path, offset, target.Length),
            () => inner.ReadAsync(offset, target, flags, cancellationToken));

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        var data = new byte[source.Length];
        source.CopyTo(data);
        return DoAsync(
            new(FileWork.Write, path, offset, data.Length, data, (flags & WriteFlags.Fua) != 0),
            () => inner.WriteAsync(offset, source, flags, cancellationToken));
    }

    public override ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        DoAsync(new(FileWork.Zeroes, path, offset, bytes), () => inner.WriteZeroesAsync(offset, bytes, flags, cancellationToken));

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        DoAsync(new(FileWork.Discard, path, offset, bytes), () => inner.DiscardAsync(offset, bytes, cancellationToken));

    /// <summary>What was done when it began is on disk when it is done.</summary>
    public override async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        var operation = new FileOperation(FileWork.Flush, path);
        watch.Before(operation);
        watch.After(operation);
        await inner.FlushAsync(cancellationToken);
    }

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) => DoAsync(
        new(FileWork.Resize, path, 0, length),
        () => inner.TryGetFacet<IResizable>(out var facet)
            ? facet.ResizeAsync(length, options, cancellationToken)
            : throw new InvalidOperationException("A file has a length"));

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        inner.GetStatusAsync(offset, bytes, precision, cancellationToken);

    public override ValueTask DrainBeginAsync(CancellationToken cancellationToken) => inner.DrainBeginAsync(cancellationToken);

    public override void DrainEnd() => inner.DrainEnd();

    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own) =>
        inner.GetChildPermissions(child, own);

    public override ValueTask PreparePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken) =>
        inner.PreparePermissionsAsync(permissions, cancellationToken);

    public override void CommitPermissions() => inner.CommitPermissions();

    public override void AbortPermissions() => inner.AbortPermissions();

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
        => base.TryGetFacet(out facet) || inner.TryGetFacet(out facet);

    public override ValueTask DisposeAsync() => inner.DisposeAsync();

    private async ValueTask DoAsync(FileOperation operation, Func<ValueTask> work)
    {
        watch.Before(operation);
        await work();
        watch.After(operation);
    }
}
