// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Conformance.TestHost;

/// <summary>A child that does something of its own around each operation of another; they stack.</summary>
public abstract class DelegatingChild(IBlockChild inner) : IBlockChild
{
    protected IBlockChild Inner { get; } = inner;

    public string Name => Inner.Name;

    public BlockChildRole Role => Inner.Role;

    public string NodeName => Inner.NodeName;

    public string DriverName => Inner.DriverName;

    public string FileName => Inner.FileName;

    public BlockProfile Profile => Inner.Profile;

    public long Length => Inner.Length;

    public async ValueTask ReadAsync(
        long offset, IoSlice target, ReadFlags flags = ReadFlags.None, CancellationToken cancellationToken = default)
    {
        using var _ = await EnterAsync(new(ChildOperationKind.Read, Name, offset, target.Length)).ConfigureAwait(false);
        await Inner.ReadAsync(offset, target, flags, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask WriteAsync(
        long offset, IoSlice source, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default)
    {
        using var _ = await EnterAsync(new(ChildOperationKind.Write, Name, offset, source.Length)).ConfigureAwait(false);
        await Inner.WriteAsync(offset, source, flags, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        using var _ = await EnterAsync(new(ChildOperationKind.Flush, Name, 0, 0)).ConfigureAwait(false);
        await Inner.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags = ZeroFlags.None, CancellationToken cancellationToken = default)
    {
        using var _ = await EnterAsync(new(ChildOperationKind.WriteZeroes, Name, offset, bytes)).ConfigureAwait(false);
        await Inner.WriteZeroesAsync(offset, bytes, flags, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken = default)
    {
        using var _ = await EnterAsync(new(ChildOperationKind.Discard, Name, offset, bytes)).ConfigureAwait(false);
        await Inner.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<BlockStatus> GetStatusAsync(
        long offset,
        long bytes,
        StatusPrecision precision = StatusPrecision.WantZero,
        CancellationToken cancellationToken = default)
    {
        using var _ = await EnterAsync(new(ChildOperationKind.Status, Name, offset, bytes)).ConfigureAwait(false);
        var status = await Inner.GetStatusAsync(offset, bytes, precision, cancellationToken).ConfigureAwait(false);
        return ReferenceEquals(status.Source, Inner) ? status with { Source = this } : status;
    }

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken = default)
    {
        using var _ = await EnterAsync(new(ChildOperationKind.Resize, Name, 0, length)).ConfigureAwait(false);
        await Inner.ResizeAsync(length, options, cancellationToken).ConfigureAwait(false);
    }

    public bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class => Inner.TryGetFacet(out facet);

    /// <summary>Runs before the operation: may wait, count or throw.</summary>
    protected abstract ValueTask BeforeAsync(ChildOperation operation);

    /// <summary>Runs when the operation has ended, in whatever way.</summary>
    protected virtual void After(ChildOperation operation)
    {
    }

    private async ValueTask<Scope> EnterAsync(ChildOperation operation)
    {
        await BeforeAsync(operation).ConfigureAwait(false);
        return new Scope(this, operation);
    }

    private readonly struct Scope(DelegatingChild child, ChildOperation operation) : IDisposable
    {
        public void Dispose() => child.After(operation);
    }
}
