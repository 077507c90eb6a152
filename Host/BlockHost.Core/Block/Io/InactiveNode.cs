// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Core.Block.Io;

/// <summary>
/// Stands in for the driver's half of a node while the node is inactive. It shows what the node was; a read opens the driver's
/// half for reading, and closes it again, so that nothing that the image's owner changes meanwhile is known wrongly.
/// </summary>
/// <param name="open">Opens the driver's half for reading only.</param>
internal sealed class InactiveNode(
    string name,
    BlockProfile profile,
    string? fileName,
    ImageFacts? facts,
    BackingFileReference? backing,
    bool holdsBacking,
    Func<CancellationToken, ValueTask<BlockNode>> open) : BlockNode, IImageInfo, IBackingFileStore, IBackingChildHolder
{
    private readonly SemaphoreSlim _oneAtATime = new(1);
    private ImageFacts? _facts = facts;

    public override BlockProfile Profile { get; } = profile with { Flush = Support.None, Status = Support.Native };

    public override string? FileName => fileName;

    public BackingFileReference? Backing => backing;

    /// <summary>What stands in for a driver's half that is about to be closed.</summary>
    /// <param name="writable">What the node will be when it is active.</param>
    public static async ValueTask<InactiveNode> ForAsync(
        string name,
        BlockNode node,
        bool writable,
        Func<CancellationToken, ValueTask<BlockNode>> open,
        CancellationToken cancellationToken) =>
        new(
            name,
            node.Profile with { Writable = writable },
            node.FileName,
            node.TryGetFacet<IImageInfo>(out var info)
                ? await info.GetFactsAsync(cancellationToken).ConfigureAwait(false)
                : null,
            node.TryGetFacet<IBackingFileStore>(out var store) ? store.Backing : null,
            node.TryGetFacet<IBackingChildHolder>(out _),
            open);

    public override async ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var node = await open(cancellationToken).ConfigureAwait(false);
            await using var closed = node.ConfigureAwait(false);
            if (node.Profile.Length < offset + target.Length)
                throw new BlockException(BlockErrorKind.OutOfRange, $"Inactive node '{name}' has become shorter") { NodeName = name };
            await node.ReadAsync(offset, target, flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        ValueTask.FromException<BlockStatus>(Refused());

    public ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) => new(_facts!);

    /// <summary>Whether the image's key is known has changed.</summary>
    public void ShowLocked(bool isLocked) => _facts = _facts! with { IsKeyMissing = isLocked };

    public ValueTask SetBackingAsync(BackingFileReference? backing, CancellationToken cancellationToken) =>
        ValueTask.FromException(Refused());

    /// <summary>The driver's half is told when it is opened.</summary>
    public void SetBackingChild(IBlockChild? backing)
    {
    }

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        var has = typeof(T) == typeof(IImageInfo) ? _facts is not null
            : typeof(T) == typeof(IBackingFileStore) ? backing is not null
            : typeof(T) == typeof(IBackingChildHolder) && holdsBacking;
        facet = has ? this as T : null;
        return facet is not null;
    }

    public override ValueTask DisposeAsync()
    {
        _oneAtATime.Dispose();
        return ValueTask.CompletedTask;
    }

    private BlockException Refused() =>
        new(BlockErrorKind.PermissionDenied, $"Node '{name}' is inactive") { NodeName = name };
}
