// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;

namespace BlockHost.Block;

/// <summary>
/// An open image, protocol connection or filter. A driver gives two members, profile and read; every other
/// operation is called only where <see cref="Profile"/> says <see cref="Support.Native"/> (write: writable).
/// <para>
/// The host calls with requests that are in bounds, aligned and permitted, from any thread, and never after
/// <see cref="DisposeAsync"/>. Operations do the whole range or throw <see cref="BlockException"/>. Buffers belong to
/// the operation until its task completes, also when its token is cancelled.
/// </para>
/// </summary>
public abstract class BlockNode : IAsyncDisposable
{
    public abstract BlockProfile Profile { get; }

    /// <summary>The name that opens this node again, where a plain one exists (a path or URL).</summary>
    public virtual string? FileName => null;

    /// <summary>Reads all of <paramref name="target"/> from <paramref name="offset"/>.</summary>
    public abstract ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken);

    /// <summary>
    /// Writes all of <paramref name="source"/>; <see cref="WriteFlags.Fua"/> is passed only where it is native.
    /// </summary>
    public virtual ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        throw Missing("write");

    /// <summary>All that completed before this call is on stable storage when it completes.</summary>
    public virtual ValueTask FlushAsync(CancellationToken cancellationToken) => throw Missing("flush");

    /// <summary>
    /// Makes the range read as zeroes. Throws <see cref="BlockErrorKind.NotSupported"/> for a range it has no cheap way
    /// for: the host then writes zeroes, unless <see cref="ZeroFlags.NoFallback"/> forbids that.
    /// </summary>
    public virtual ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
        throw Missing("write-zeroes");

    /// <summary>The range is not needed any more; what it reads as afterwards is the driver's to say.</summary>
    public virtual ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        throw Missing("discard");

    /// <summary>
    /// State of a run that starts at <paramref name="offset"/>: at least one request alignment, at most <paramref name="bytes"/>.
    /// </summary>
    public virtual ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        throw Missing("block-status");

    /// <summary>Begins a quiet time: background work of the node stops before the task completes.</summary>
    public virtual ValueTask DrainBeginAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public virtual void DrainEnd()
    {
    }

    /// <summary>What this node needs of, and shares on, a child, given what its own users need and share.</summary>
    public virtual BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own) =>
        DefaultChildPermissions.For(child.Role, own, Profile.Writable);

    /// <summary>
    /// First of two steps of a permission change: takes what is new (a lock), keeps what is held, or throws.
    /// Always followed by <see cref="CommitPermissions"/> or <see cref="AbortPermissions"/>.
    /// </summary>
    public virtual ValueTask PreparePermissionsAsync(BlockPermissionSet permissions, CancellationToken cancellationToken) =>
        ValueTask.CompletedTask;

    public virtual void CommitPermissions()
    {
    }

    public virtual void AbortPermissions()
    {
    }

    /// <summary>Control-plane abilities beside the data path, such as <see cref="Facets.IResizable"/>.</summary>
    public virtual bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = this as T;
        return facet is not null;
    }

    /// <summary>Flushes own metadata and closes. No I/O on children after the task completes.</summary>
    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static BlockException Missing(string operation) =>
        new(BlockErrorKind.NotSupported, $"Operation '{operation}' is not supported");
}
