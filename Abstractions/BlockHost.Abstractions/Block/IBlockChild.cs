// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block.Facets;

namespace BlockHost.Block;

/// <summary>
/// A parent's link to a child node, kept by the host: it checks bounds and permissions, aligns (read-modify-write),
/// splits, marks dirty bitmaps, and enforces the child's concurrency.
/// Reads past the child's end give zeroes; writes past it grow a growable child that the parent may resize, and fail otherwise:
/// with <see cref="BlockErrorKind.NoSpace"/> where the child cannot grow (a volume is full), with
/// <see cref="BlockErrorKind.OutOfRange"/> where the parent may not resize it.
/// <para>
/// A drain waits for what the users of the graph have in flight, and so for requests here that belong to one of theirs. What a
/// node does by itself (readahead, retries, repairs) it ends in <see cref="BlockNode.DrainBeginAsync"/>.
/// </para>
/// </summary>
public interface IBlockChild
{
    /// <summary>The option it was opened by: "file", "backing", "children.0".</summary>
    string Name { get; }

    BlockChildRole Role { get; }

    string NodeName { get; }

    /// <summary>
    /// Who takes the events of the child (fault injection); null: nobody. See <see cref="BlockEventFiring.FireAsync"/>.
    /// </summary>
    IBlockEventTarget? EventTarget => null;

    string DriverName { get; }

    /// <summary>The child's file name as QEMU prints it (plain or json:).</summary>
    string FileName { get; }

    BlockProfile Profile { get; }

    /// <summary>Current length in bytes; grows with writes to growable nodes.</summary>
    long Length { get; }

    ValueTask ReadAsync(
        long offset, IoSlice target, ReadFlags flags = ReadFlags.None, CancellationToken cancellationToken = default);

    ValueTask WriteAsync(
        long offset, IoSlice source, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default);

    ValueTask FlushAsync(CancellationToken cancellationToken = default);

    ValueTask WriteZeroesAsync(
        long offset, long bytes, ZeroFlags flags = ZeroFlags.None, CancellationToken cancellationToken = default);

    ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken = default);

    /// <summary>
    /// State of a run on the child and what it delegates to, not on its backing files (<see cref="Graph.GraphAccess"/>).
    /// </summary>
    ValueTask<BlockStatus> GetStatusAsync(
        long offset,
        long bytes,
        StatusPrecision precision = StatusPrecision.WantZero,
        CancellationToken cancellationToken = default);

    /// <exception cref="BlockException"><see cref="BlockErrorKind.NotSupported"/> where the child cannot be resized.</exception>
    ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken = default);

    /// <summary>A control-plane ability of the child's node.</summary>
    bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class;
}
