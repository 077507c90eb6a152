// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Core.Logging;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Block.Opening;

/// <summary>What a driver sees of the host while its node opens, and afterwards.</summary>
internal sealed class NodeContext(BlockGraph graph, GraphNode node, OpenScope scope) : IBlockNodeContext
{
    private bool _sealed;
    private int _corruptionReported;

    public string NodeName => node.Name;

    public bool ReadOnly => node.Generic.ReadOnly;

    public bool AutoReadOnly => node.Generic.AutoReadOnly;

    public bool CacheDirect => node.Generic.CacheDirect;

    public bool CacheNoFlush => node.Generic.CacheNoFlush;

    public bool DiscardUnmap => node.Generic.DiscardUnmap;

    public DetectZeroes DetectZeroes => node.Generic.DetectZeroes;

    public bool ForceShare => node.Generic.ForceShare;

    public bool NoIo => scope.NoIo;

    public bool ForRepair => scope.ForRepair;

    public bool IsProbed => scope.IsProbed;

    public IPluginHost Host => field ??= node.PluginId is { } plugin ? new PluginsHost(graph.Host, plugin) : graph.Host;

    /// <summary>The driver has opened its node: no more children.</summary>
    public void Seal() => _sealed = true;

    public async ValueTask<IBlockChild> OpenChildAsync(string name, BlockChildRole role, BlockdevRef reference, CancellationToken cancellationToken)
    {
        CheckOpening();
        var childScope = scope.ForChild(node.Generic, role);
        var child = await graph.ResolveAsync(reference, childScope, cancellationToken).ConfigureAwait(false);
        if (!reference.IsReference)
            child.InheritsFrom = node;
        var link = await graph.AttachChildAsync(node, name, role, child, cancellationToken).ConfigureAwait(false);
        if ((role & (BlockChildRole.Primary | BlockChildRole.Filtered)) != 0)
            graph.List(node);
        return link;
    }

    public async ValueTask<IBlockChild?> OpenBackingAsync(BlockdevRefOrNull? option, BackingFileReference? recorded, CancellationToken cancellationToken)
    {
        CheckOpening();
        if (option is not null)
            return option.Value is { } reference ? await OpenChildAsync("backing", BlockChildRole.Backing, reference, cancellationToken).ConfigureAwait(false) : null;
        if (recorded is null || recorded.FileName.Length == 0 || scope.NoBacking)
            return null;
        graph.List(node);
        return await OpenRecordedAsync(recorded, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<IBlockChild> OpenRecordedFileAsync(string name, BlockChildRole role, string fileName, CancellationToken cancellationToken)
    {
        CheckOpening();
        var child = await graph.OpenNodeAsync(FileNameOptions.OfPath(fileName), scope.ForChild(node.Generic, role) with { AllowFileNames = false }, cancellationToken)
            .ConfigureAwait(false);
        child.InheritsFrom = node;
        var link = await graph.AttachChildAsync(node, name, role, child, cancellationToken).ConfigureAwait(false);
        link.IsRecorded = true;
        return link;
    }

    public async ValueTask<bool> IsForeignAsync(ReadOnlyMemory<byte> head, CancellationToken cancellationToken) =>
        await FormatProbing.GuessAsync(graph.Drivers, head, node.FileName, cancellationToken).ConfigureAwait(false) != node.Driver.FormatName;

    public void FallBackToReadOnly(string reason)
    {
        if (node.Generic.ReadOnly)
            return;
        if (!node.Generic.AutoReadOnly)
            throw new BlockException(BlockErrorKind.ReadOnly, reason) { NodeName = node.Name };
        node.Generic = node.Generic with { ReadOnly = true };
    }

    public void ProfileChanged()
    {
        if (node.IsOpen && !node.IsClosed)
            node.RefreshProfile();
    }

    public void ReportCorruption(string message, long? offset, long? size, bool fatal)
    {
        if (Interlocked.Exchange(ref _corruptionReported, 1) == 0)
            graph.ImageCorrupted(node, message, offset, size, fatal);
    }

    private async ValueTask<IBlockChild?> OpenRecordedAsync(BackingFileReference recorded, CancellationToken cancellationToken)
    {
        var childScope = scope.ForChild(node.Generic, BlockChildRole.Backing) with { AllowFileNames = true };
        try
        {
            var options = BackingFiles.OptionsOf(recorded, node.PrimaryLink?.Child.FileName, childScope.AllowProbing);
            var child = await graph.OpenNodeAsync(options, childScope, cancellationToken).ConfigureAwait(false);
            child.InheritsFrom = node;
            return node.RecordedLink = await graph.AttachChildAsync(node, "backing", BlockChildRole.Backing, child, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is BlockException or QmpException)
        {
            throw new BlockException((e as BlockException)?.Kind ?? BlockErrorKind.InvalidArgument, $"Could not open backing file: {e.Message}", (e as BlockException)?.Errno ?? 0, e)
            {
                NodeName = node.Name,
                Hint = (e as BlockException)?.Hint,
            };
        }
    }

    private void CheckOpening()
    {
        if (_sealed)
            throw new InvalidOperationException($"Node '{node.Name}' is open: it takes no more children");
    }
}
