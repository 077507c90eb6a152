// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block;

/// <summary>A parent node's way to its child: permissions are checked here, the rest is the child node's own work.</summary>
/// <param name="parent">Null while an image is created: its driver has no node then.</param>
internal sealed class ChildLink(GraphNode? parent, string name, BlockChildRole role, GraphNode child) : GraphEdge(name, role, child), IBlockChild
{
    public override GraphNode? ParentNode { get; } = parent;

    public override string ParentDescription => ParentNode is { } node ? $"node '{node.Name}'" : "an unnamed block device";

    /// <summary>The image's header named the child, not an option.</summary>
    public bool IsRecorded { get; set; }

    public string NodeName => Child.Name;

    public string DriverName => Child.Driver.FormatName;

    public string FileName => Child.FileName;

    public BlockProfile Profile => Child.Profile;

    public long Length => Child.Length;

    public ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        Child.ReadAsync(offset, target, flags, cancellationToken);

    public ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        if (!(MayWrite || ((flags & WriteFlags.Unchanged) != 0 && MayWriteUnchanged)))
            return ValueTask.FromException(NotPermitted("write"));
        return Child.WriteAsync(offset, source, flags, MayResize, cancellationToken);
    }

    public ValueTask FlushAsync(CancellationToken cancellationToken) => Child.FlushAsync(cancellationToken);

    /// <summary>What a node's "discard" option says of holes holds for the requests of parents; users of the node decide for themselves.</summary>
    public ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (!(MayWrite || ((flags & ZeroFlags.Unchanged) != 0 && MayWriteUnchanged)))
            return ValueTask.FromException(NotPermitted("write"));
        if (!Child.Generic.DiscardUnmap)
            flags &= ~ZeroFlags.MayUnmap;
        return Child.WriteZeroesAsync(offset, bytes, flags, MayResize, cancellationToken);
    }

    public ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
        MayWriteUnchanged ? Child.DiscardAsync(offset, bytes, cancellationToken) : ValueTask.FromException(NotPermitted("discard"));

    public ValueTask<BlockStatus> GetStatusAsync(long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        Child.GetStatusAsync(this, offset, bytes, precision, cancellationToken);

    public ValueTask<ChainStatus> GetChainStatusAsync(long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        Child.GetChainStatusAsync(offset, bytes, precision, cancellationToken);

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) =>
        MayResize ? Child.ResizeDirectAsync(length, options, cancellationToken) : ValueTask.FromException(NotPermitted("resize"));

    public bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class => Child.TryGetFacet(out facet);

    private BlockException NotPermitted(string operation) =>
        new(BlockErrorKind.PermissionDenied, $"{ParentDescription} has no permission to {operation} on node '{Child.Name}' as '{Name}' child") { NodeName = Child.Name };
}
