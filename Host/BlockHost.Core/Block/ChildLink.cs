// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Opening;

namespace BlockHost.Core.Block;

/// <summary>A parent node's way to its child: permissions are checked here, the rest is the child node's own work.</summary>
/// <param name="parent">Null while an image is created: its driver has no node then.</param>
internal sealed class ChildLink(
    GraphNode? parent, string name, BlockChildRole role, GraphNode child) : GraphEdge(name, role, child), IGraphChild
{
    public override GraphNode? ParentNode { get; } = parent;

    public override string ParentDescription => ParentNode is { } node ? $"node '{node.Name}'" : "an unnamed block device";

    /// <summary>The image's header named the child, not an option.</summary>
    public bool IsRecorded { get; set; }

    /// <summary>The option that the child belongs to: its name, or the list that it is one of.</summary>
    public string Option { get; init; } = name;

    public bool IsInList => Option != Name;

    public IGraphNode Node => Child;

    public IBlockEventTarget? EventTarget => Child.EventTarget;

    public string NodeName => Child.Name;

    public string DriverName => Child.Driver.FormatName;

    public string FileName => Child.FileName;

    public BlockProfile Profile => Child.Profile;

    public long Length => Child.Length;

    public ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        IsOpening
            ? OpeningReadAsync(offset, target, flags, cancellationToken)
            : Child.ReadAsync(offset, target, flags, cancellationToken);

    public ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        if (!(MayWrite || ((flags & WriteFlags.Unchanged) != 0 && MayWriteUnchanged)))
            return ValueTask.FromException(NotPermitted("write"));
        return IsOpening
            ? OpeningWriteAsync(offset, source, flags, cancellationToken)
            : Child.WriteAsync(offset, source, flags, MayResize, cancellationToken);
    }

    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (IsOpening)
            return OpeningFlushAsync(cancellationToken);
        return Child.EventTarget is { } target && (Role & BlockChildRole.Primary) != 0
            ? FlushAfterEventAsync(target, cancellationToken)
            : Child.FlushAsync(cancellationToken);
    }

    /// <summary>
    /// What a node's "discard" option says of holes holds for the requests of parents; users of the node decide for themselves.
    /// </summary>
    public ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        if (!(MayWrite || ((flags & ZeroFlags.Unchanged) != 0 && MayWriteUnchanged)))
            return ValueTask.FromException(NotPermitted("write"));
        if (!Child.Generic.DiscardUnmap)
            flags &= ~ZeroFlags.MayUnmap;
        return IsOpening
            ? OpeningWriteZeroesAsync(offset, bytes, flags, cancellationToken)
            : Child.WriteZeroesAsync(offset, bytes, flags, MayResize, cancellationToken);
    }

    public ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        if (!MayWriteUnchanged)
            return ValueTask.FromException(NotPermitted("discard"));
        return IsOpening
            ? OpeningDiscardAsync(offset, bytes, cancellationToken)
            : Child.DiscardAsync(offset, bytes, cancellationToken);
    }

    public ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) => IsOpening
        ? OpeningStatusAsync(offset, bytes, precision, cancellationToken)
        : Child.GetStatusAsync(this, offset, bytes, precision, cancellationToken);

    public ValueTask<ChainStatus> GetChainStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) => IsOpening
        ? OpeningChainStatusAsync(offset, bytes, precision, cancellationToken)
        : Child.GetChainStatusAsync(offset, bytes, precision, cancellationToken);

    public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        if (!MayResize)
            return ValueTask.FromException(NotPermitted("resize"));
        return IsOpening
            ? OpeningResizeAsync(length, options, cancellationToken)
            : Child.ResizeDirectAsync(length, options, cancellationToken);
    }

    public bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class => Child.TryGetFacet(out facet);

    /// <summary>The parent's driver opens its node: its requests take their turn in the parent's gate.</summary>
    private bool IsOpening => ParentNode is { Opening: not null };

    private ValueTask<OpeningGate.Pass> EnterAsync(CancellationToken cancellationToken) =>
        ParentNode?.Opening is { } gate ? gate.EnterAsync(cancellationToken) : default;

    private async ValueTask OpeningReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        using var pass = await EnterAsync(cancellationToken).ConfigureAwait(false);
        await Child.ReadAsync(offset, target, flags, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask OpeningWriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        using var pass = await EnterAsync(cancellationToken).ConfigureAwait(false);
        await Child.WriteAsync(offset, source, flags, MayResize, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask OpeningFlushAsync(CancellationToken cancellationToken)
    {
        using var pass = await EnterAsync(cancellationToken).ConfigureAwait(false);
        await Child.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask OpeningWriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        using var pass = await EnterAsync(cancellationToken).ConfigureAwait(false);
        await Child.WriteZeroesAsync(offset, bytes, flags, MayResize, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask OpeningDiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        using var pass = await EnterAsync(cancellationToken).ConfigureAwait(false);
        await Child.DiscardAsync(offset, bytes, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<BlockStatus> OpeningStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        using var pass = await EnterAsync(cancellationToken).ConfigureAwait(false);
        return await Child.GetStatusAsync(this, offset, bytes, precision, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<ChainStatus> OpeningChainStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken)
    {
        using var pass = await EnterAsync(cancellationToken).ConfigureAwait(false);
        return await Child.GetChainStatusAsync(offset, bytes, precision, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask OpeningResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        using var pass = await EnterAsync(cancellationToken).ConfigureAwait(false);
        await Child.ResizeDirectAsync(length, options, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask FlushAfterEventAsync(IBlockEventTarget target, CancellationToken cancellationToken)
    {
        await target.OnEventAsync(BlkdebugEvent.FlushToDisk, cancellationToken).ConfigureAwait(false);
        await Child.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private BlockException NotPermitted(string operation) =>
        new(
            BlockErrorKind.PermissionDenied,
            $"{ParentDescription} has no permission to {operation} on node '{Child.Name}' as '{Name}' child")
        { NodeName = Child.Name };
}
