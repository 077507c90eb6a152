// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>A node without backing file as the read-only child of another.</summary>
internal sealed class NodeChild(BlockNode node, string name) : IGraphChild
{
    public string Name => name;
    public BlockChildRole Role => BlockChildRole.Backing;
    public string NodeName => name;
    public string DriverName => "qcow2";
    public string FileName => name;
    public BlockProfile Profile => node.Profile;
    public long Length => node.Profile.Length;

    public ValueTask ReadAsync(
        long offset, IoSlice target, ReadFlags flags = ReadFlags.None, CancellationToken cancellationToken = default) =>
        node.ReadAsync(offset, target, flags, cancellationToken);

    public ValueTask WriteAsync(
        long offset,
        IoSlice source,
        WriteFlags flags = WriteFlags.None,
        CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => default;

    public ValueTask WriteZeroesAsync(
        long offset,
        long bytes,
        ZeroFlags flags = ZeroFlags.None,
        CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public ValueTask<BlockStatus> GetStatusAsync(
        long offset,
        long bytes,
        StatusPrecision precision = StatusPrecision.WantZero,
        CancellationToken cancellationToken = default) =>
        node.GetStatusAsync(offset, bytes, precision, cancellationToken);

    /// <summary>What nothing holds reads as zeroes.</summary>
    public async ValueTask<ChainStatus> GetChainStatusAsync(
        long offset,
        long bytes,
        StatusPrecision precision = StatusPrecision.WantZero,
        CancellationToken cancellationToken = default)
    {
        var own = await GetStatusAsync(offset, bytes, precision, cancellationToken);
        var isAllocated = (own.Flags & BlockStatusFlags.Allocated) != 0;
        return new ChainStatus(
            IoStatus.Ok,
            own.Bytes,
            isAllocated ? own.Flags : own.Flags | BlockStatusFlags.Zero,
            isAllocated ? 0 : 1,
            own.HostOffset,
            File: null);
    }

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = null;
        return false;
    }
}
