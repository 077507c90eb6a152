// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Core.Logging;
using BlockHost.Core.Yank;
using BlockHost.Plugins;

namespace BlockHost.Core.Block.Opening;

/// <summary>What a driver sees of the host while its node opens, and afterwards.</summary>
internal sealed class NodeContext(BlockGraph graph, GraphNode node, OpenScope scope) : IBlockNodeContext, IDisposable
{
    private static readonly ChildSpec Backing = new("backing", BlockChildRole.Backing);

    /// <summary>What was made for a driver's half that is opened for reading; null: nothing.</summary>
    private PluginsHost? _ownHost;

    private bool _sealed;
    private int _corruptionReported;

    /// <summary>The node was open before: its driver's half gets the children that it had.</summary>
    public bool KeepsChildren { get; init; }

    /// <summary>The image is another process's: what is opened is not the node's own half, and ends with this.</summary>
    public bool ForReading { get; init; }

    public string NodeName => node.Name;

    /// <summary>The half of an inactive node writes nothing, not even when it is opened.</summary>
    public bool ReadOnly => node.Generic.ReadOnly || ForReading || (!node.IsActive && node.Driver.ClosesWhenInactive);

    public bool AutoReadOnly => node.Generic.AutoReadOnly;

    public bool CacheDirect => node.Generic.CacheDirect;

    public bool CacheNoFlush => node.Generic.CacheNoFlush;

    public bool DiscardUnmap => node.Generic.DiscardUnmap;

    public DetectZeroes DetectZeroes => node.Generic.DetectZeroes;

    public bool ForceShare => node.Generic.ForceShare;

    public bool NoIo => scope.NoIo;

    public ReadOnlyMemory<byte>? Password => node.Password;

    public bool PasswordMayBeMissing => !node.IsActive && !ForReading && node.Driver.ClosesWhenInactive;

    public bool NoBacking => scope.NoBacking;

    public bool ForRepair => scope.ForRepair;

    public bool IsProbed => scope.IsProbed;

    public IDriverHost Host => field ??= node.PluginId is { } plugin ? HostOf(plugin) : graph.Host;

    /// <summary>The driver has opened its node: no more children.</summary>
    public void Seal() => _sealed = true;

    public async ValueTask<IBlockChild?> OpenChildAsync(ChildSpec child, CancellationToken cancellationToken)
    {
        CheckOpening();
        if (KeepsChildren && node.ChildLinks.FirstOrDefault(link => link.Name == child.Name) is { } kept)
            return kept;
        if (child.Reference is { } reference)
            return await OpenGivenAsync(child, reference, cancellationToken).ConfigureAwait(false);
        if (child.RecordedFile is { } fileName)
            return await OpenFileAsync(child, fileName, cancellationToken).ConfigureAwait(false);
        if (child.IsOptional)
            return null;
        throw new BlockException(BlockErrorKind.InvalidArgument, $"A block device must be specified for \"{child.Name}\"")
        { NodeName = node.Name };
    }

    public async ValueTask<IBlockChild?> OpenBackingAsync(
        BlockdevRefOrNull? option, BackingFileReference? recorded, CancellationToken cancellationToken)
    {
        CheckOpening();
        if (KeepsChildren)
            return node.BackingLink;
        if (option is not null)
            return option.Value is { } reference
                ? await OpenGivenBackingAsync(reference, recorded, cancellationToken).ConfigureAwait(false)
                : null;
        if (recorded is null || recorded.FileName.Length == 0 || scope.NoBacking)
            return null;
        await graph.ListAsync(node, cancellationToken).ConfigureAwait(false);
        return await OpenRecordedAsync(recorded, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<bool> IsForeignAsync(ReadOnlyMemory<byte> head, CancellationToken cancellationToken) =>
        await FormatProbing.GuessAsync(
            graph.Drivers, head, node.FileName, cancellationToken).ConfigureAwait(false) != node.Driver.FormatName;

    public void FallBackToReadOnly(string reason)
    {
        if (ReadOnly)
            return;
        if (!node.Generic.AutoReadOnly)
            throw new BlockException(BlockErrorKind.ReadOnly, reason) { NodeName = node.Name };
        node.Generic = node.Generic with { ReadOnly = true };
    }

    public IDisposable OnYank(Action shutDown)
    {
        if (ForReading)
            return this;
        var registration = new Yankable(
            graph.Host.Yank.Register(BlockNodeYank.InstanceOf(node.Name), shutDown), node.AddYank(shutDown));
        node.EndsWith(registration);
        return registration;
    }

    public void ProfileChanged()
    {
        if (node.IsOpen && !node.IsClosed && !ForReading)
            node.RefreshProfile();
    }

    public void ReportCorruption(string message, long? offset, long? size, bool fatal)
    {
        if (Interlocked.Exchange(ref _corruptionReported, 1) == 0)
            graph.ImageCorrupted(node, message, offset, size, fatal);
    }

    public async ValueTask GiveUpAsync(string message, long? offset, long? size)
    {
        if (Interlocked.Exchange(ref _corruptionReported, 1) == 0)
            await graph.GiveUpAsync(node, message, offset, size).ConfigureAwait(false);
    }

    public void Dispose() => _ownHost?.Dispose();

    private PluginsHost HostOf(string plugin)
    {
        var host = new PluginsHost(graph.Host, graph.Faults, plugin);
        if (ForReading)
            _ownHost = host;
        else
            node.EndsWith(host);
        return host;
    }

    private async ValueTask<ChildLink> OpenGivenAsync(ChildSpec spec, BlockdevRef reference, CancellationToken cancellationToken)
    {
        // The order of queries: what a node is stored in comes before it, other children after it.
        if ((spec.Role & (BlockChildRole.Primary | BlockChildRole.Filtered | BlockChildRole.CopyOnWrite)) == 0)
            await graph.ListAsync(node, cancellationToken).ConfigureAwait(false);
        reference = await AsStorageAsync(spec, reference, cancellationToken).ConfigureAwait(false);
        return await graph.OpenForUserAsync(
            reference, scope.ForChild(node.Generic, spec.Role), Attach, cancellationToken).ConfigureAwait(false);

        async ValueTask<ChildLink> Attach(GraphNode child)
        {
            if (!reference.IsReference)
                child.InheritsFrom = node;
            var link = await graph.AttachChildAsync(node, spec, child, cancellationToken).ConfigureAwait(false);
            if ((spec.Role & (BlockChildRole.Primary | BlockChildRole.Filtered)) != 0)
                graph.List(node);
            return link;
        }
    }

    /// <summary>
    /// What relative names in the image count from: the name of its storage, below filters that stand in names.
    /// </summary>
    private string? StorageName
    {
        get
        {
            var storage = node.PrimaryLink?.Child;
            while (storage is { Driver: { Kind: BlockDriverKind.Filter, NamesStorage: true }, PrimaryLink: { } below })
                storage = below.Child;
            return storage?.FileName;
        }
    }

    /// <summary>A filter that stands in names where a protocol does has storage below it, not an image of some format.</summary>
    private async ValueTask<BlockdevRef> AsStorageAsync(
        ChildSpec spec, BlockdevRef reference, CancellationToken cancellationToken)
    {
        var isStorage = scope.AllowFileNames && node.Driver.NamesStorage && (spec.Role & BlockChildRole.Filtered) != 0;
        return isStorage && !reference.IsReference
            ? BlockdevRef.New(
                await FileNameOptions.AsStorageAsync(graph.Drivers, reference.Options, cancellationToken).ConfigureAwait(false))
            : reference;
    }

    private async ValueTask<ChildLink> OpenFileAsync(ChildSpec spec, string fileName, CancellationToken cancellationToken)
    {
        var childScope = scope.ForChild(node.Generic, spec.Role) with { AllowFileNames = false };
        var options = await FileNameOptions.OfPathAsync(graph.Drivers, fileName, cancellationToken).ConfigureAwait(false);
        var child = await graph.OpenNodeAsync(options, childScope, cancellationToken).ConfigureAwait(false);
        var link = await AdoptAsync(child, spec, cancellationToken).ConfigureAwait(false);
        link.IsRecorded = true;
        return link;
    }

    /// <summary>Where names stand for options, what the options for a backing file leave out is in the header.</summary>
    private async ValueTask<IBlockChild?> OpenGivenBackingAsync(
        BlockdevRef reference, BackingFileReference? recorded, CancellationToken cancellationToken)
    {
        if (!scope.AllowFileNames)
            return await OpenGivenAsync(Backing, reference, cancellationToken).ConfigureAwait(false);
        if (scope.NoBacking)
        {
            var option = reference.IsReference ? "backing" : BackingFiles.FirstOption("backing", reference.Options);
            throw new BlockException(BlockErrorKind.InvalidArgument, OptionsCheck.NotSupported(node.Driver, option));
        }

        try
        {
            if (!reference.IsReference)
                reference = BlockdevRef.New(BackingFiles.Completed(reference.Options, recorded, StorageName));
            return await OpenGivenAsync(Backing, reference, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw CouldNotOpenBacking(e);
        }
    }

    private async ValueTask<IBlockChild?> OpenRecordedAsync(BackingFileReference recorded, CancellationToken cancellationToken)
    {
        var childScope = scope.ForChild(node.Generic, BlockChildRole.Backing) with { AllowFileNames = true };
        try
        {
            var options = BackingFiles.OptionsOf(recorded, StorageName, childScope.AllowProbing);
            var child = await graph.OpenNodeAsync(options, childScope, cancellationToken).ConfigureAwait(false);
            return node.RecordedLink = await AdoptAsync(child, Backing, cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            throw CouldNotOpenBacking(e);
        }
    }

    /// <summary>Attaches a child that was opened for this node.</summary>
    private ValueTask<ChildLink> AdoptAsync(GraphNode opened, ChildSpec spec, CancellationToken cancellationToken) =>
        graph.GiveToUserAsync(opened, child =>
    {
        child.InheritsFrom = node;
        return graph.AttachChildAsync(node, spec, child, cancellationToken);
    });

    /// <summary>
    /// Each level of a chain adds its line of the story, but for a chain that is too deep: there the levels are the news.
    /// </summary>
    private Exception CouldNotOpenBacking(Exception e)
    {
        if (NestingException.IsCauseOf(e))
            return e;
        var cause = e as BlockException;
        return new BlockException(
            cause?.Kind ?? BlockErrorKind.InvalidArgument, $"Could not open backing file: {e.Message}", cause?.Errno ?? 0, e)
        {
            NodeName = node.Name,
            Hint = cause?.Hint,
        };
    }

    /// <summary>What can be yanked by who asks for it by name, and by the node's own deadline.</summary>
    private sealed class Yankable(IDisposable byName, IDisposable byNode) : IDisposable
    {
        public void Dispose()
        {
            byName.Dispose();
            byNode.Dispose();
        }
    }

    private void CheckOpening()
    {
        if (_sealed)
            throw new InvalidOperationException($"Node '{node.Name}' is open: it takes no more children");
    }
}
