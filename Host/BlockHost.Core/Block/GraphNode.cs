// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Bitmaps;
using BlockHost.Core.Block.Io;
using BlockHost.Core.Block.Opening;

namespace BlockHost.Core.Block;

/// <summary>
/// The host's side of a <see cref="BlockNode"/>: its place in the graph here, its data path in the other parts of this class.
/// Places in the graph change only under the graph's lock; the data path takes no lock.
/// </summary>
internal sealed partial class GraphNode : IGraphNode
{
    private readonly BlockGraph _graph;
    private readonly DriverLease _lease;
    private BlockNode? _node;
    private string? _recordedAs;
    private bool _isWhole;
    private ImmutableList<IDisposable> _resources = [];
    private TaskCompletionSource? _closed;

    /// <summary>Completes when who resizes the node now is done; null: nobody does.</summary>
    public TaskCompletionSource? Resizing;

    public GraphNode(BlockGraph graph, DriverLease lease, string name, bool generatedName, NodeOptions options)
    {
        _graph = graph;
        _lease = lease;
        Name = name;
        HasGeneratedName = generatedName;
        Bitmaps = new NodeBitmaps(graph, this);
        TakeOptions(options);
    }

    public string Name { get; }

    public bool HasGeneratedName { get; }

    public bool IsImplicit { get; init; }

    public BlockDriver Driver => _lease.Driver;

    public string? PluginId => _lease.PluginId;

    /// <summary>Place in the order of creation; 0 until the node is listed.</summary>
    public long Order { get; set; }

    public GenericOptions Generic { get; set; }

    /// <summary>The driver's own options, as given.</summary>
    public JsonElement DriverOptions { get; private set; }

    /// <summary>Options as given, without what was inherited from the parent.</summary>
    public JsonElement ExplicitOptions { get; private set; }

    public JsonElement Options { get; private set; }

    /// <summary>The parent whose definition holds this node's: its generic options go down to this node.</summary>
    public GraphNode? InheritsFrom { get; set; }

    /// <summary>blockdev-add gave the monitor a reference to this node.</summary>
    public bool MonitorOwned { get; set; }

    /// <summary>
    /// Users that have no edge yet or need none: who has just opened the node, or resizes it. Held, it is not closed as unused.
    /// </summary>
    public int Holds { get; set; }

    /// <summary>Where the driver's requests to children wait for their turn while it opens the node; null afterwards.</summary>
    public OpeningGate? Opening { get; private set; }

    /// <summary>Whoever opens the node has drained what is below it: its driver's requests are not held back meanwhile.</summary>
    public bool OpensInDrain { get; init; }

    /// <summary>The node can be found by its name.</summary>
    public bool IsReady => _isWhole && !IsClosed;

    /// <summary>Nobody uses the node any more: it is being closed, or has been.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>
    /// Completes when the driver's half is not about to end: whoever closes the node is not at it yet, or done.
    /// </summary>
    public Task WhenClosed => _closed?.Task ?? Task.CompletedTask;

    /// <summary>The backing link that was opened because the header records it.</summary>
    public ChildLink? RecordedLink
    {
        get;
        set
        {
            field = value;
            _recordedAs = RecordedBacking?.FileName;
        }
    }

    /// <summary>Opened to look at it, without what lies under it: whether that was the user's wish, nobody knows.</summary>
    public bool NoIo { get; init; }

    /// <summary>The user put another backing file (or none) under the node than its header records.</summary>
    public bool BackingOverridden
    {
        get
        {
            var (link, recorded) = (BackingLink, RecordedBacking);
            if (link is null && NoIo)
                return false;
            if (link is null || recorded is null)
                return link is not null || recorded is not null;
            // Until the header records another name.
            if (link == RecordedLink && recorded.FileName == _recordedAs)
                return false;
            return recorded.FileName != link.Child.FileName;
        }
    }

    public ImmutableArray<ChildLink> ChildLinks { get; set; } = [];

    /// <summary>Newest first.</summary>
    public ImmutableArray<GraphEdge> ParentEdges { get; set; } = [];

    /// <summary>What all users together need and share, as last told to the driver.</summary>
    public BlockPermissionSet CommittedPermissions { get; set; } = BlockPermissionSet.None;

    public bool ReadOnly => Generic.ReadOnly || !(Profile.Writable || IsReopening);

    /// <summary>The driver is about to take over new options: whether it can write will show only then.</summary>
    public bool IsReopening { get; set; }

    /// <summary>A reopen is about to make the node read-only.</summary>
    public bool IsLosingWrite { get; set; }

    public bool CacheDirect => Generic.CacheDirect;

    public bool CacheNoFlush => Generic.CacheNoFlush;

    public DetectZeroes DetectZeroes => Generic.DetectZeroes;

    public BlockNode Node =>
        _node ?? throw new BlockException(BlockErrorKind.ShuttingDown, $"Node '{Name}' is not open") { NodeName = Name };

    public bool IsOpen => _node is not null;

    public string FileName => NodeFileNames.Of(this);

    /// <summary>The child that stands for the node: where its data comes from unchanged, or its storage.</summary>
    public ChildLink? PrimaryLink =>
        FirstChild(BlockChildRole.Primary) ?? FirstChild(BlockChildRole.Filtered);

    public ChildLink? BackingLink => FirstChild(BlockChildRole.CopyOnWrite);

    public ChildLink? FilteredLink => FirstChild(BlockChildRole.Filtered);

    public IGraphNode? Backing => Driver.Kind == BlockDriverKind.Filter ? FilteredLink?.Child.Backing : BackingLink?.Child;

    public BackingFileReference? RecordedBacking => TryGetFacet<IBackingFileStore>(out var store) ? store.Backing : null;

    public IReadOnlyList<IGraphEdge> Children => ChildLinks;

    public IReadOnlyList<IGraphEdge> Parents => ParentEdges;

    /// <summary>The driver's facts; a node without any shows its storage's. The allocated size is that of all storage.</summary>
    public async ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken)
    {
        if (TryGetFacet<IImageInfo>(out var info))
        {
            var own = await info.GetFactsAsync(cancellationToken).ConfigureAwait(false);
            own = own with { Dirty = own.Dirty ?? (Driver.Kind == BlockDriverKind.Protocol || !own.IsKnown ? null : false) };
            return own.AllocatedSize is null
                ? own with { AllocatedSize = await AllocatedBelowAsync(null, null, cancellationToken).ConfigureAwait(false) }
                : own;
        }

        // As QEMU: a filter that stands in names where a protocol does knows of no storage.
        if (Driver is { Kind: BlockDriverKind.Filter, NamesStorage: true })
            return new ImageFacts { Dirty = false };
        var primary = PrimaryLink;
        var below = primary is null
            ? new ImageFacts { IsKnown = false }
            : await primary.Child.GetFactsAsync(cancellationToken).ConfigureAwait(false);
        return new ImageFacts
        {
            IsKnown = below.IsKnown,
            Dirty = below.Dirty,
            ClusterSize = below.ClusterSize,
            AllocatedSize = await AllocatedBelowAsync(primary, below.AllocatedSize, cancellationToken).ConfigureAwait(false),
        };
    }

    public bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = null;
        return typeof(T) == typeof(IDirtyBitmaps)
            ? (facet = Bitmaps as T) is not null
            : _node is { } node && node.TryGetFacet(out facet);
    }

    /// <summary>The options are in force, with generic ones as the driver left them.</summary>
    [MemberNotNull(nameof(Generic))]
    public void TakeOptions(NodeOptions options)
    {
        Generic = options.Generic;
        DriverOptions = options.DriverOptions;
        ExplicitOptions = options.Explicit;
        Options = options.ToJson(Name);
        ForgetGaps();
        if (_driversNode is { } opened)
            Place(opened);
    }

    /// <summary>The node's options with others of the driver's.</summary>
    public NodeOptions DriverOptionsWith(Func<JsonElement, JsonElement> change) => new()
    {
        Driver = Driver.FormatName,
        NodeName = HasGeneratedName ? null : Name,
        Generic = Generic,
        DriverOptions = change(DriverOptions),
        Explicit = change(ExplicitOptions),
    };

    /// <summary>The driver begins to open its half.</summary>
    public void BeginOpening() => Opening = new OpeningGate();

    /// <summary>Everything about the node is there: others may use it.</summary>
    public void EndOpening()
    {
        Opening = null;
        _isWhole = true;
    }

    /// <summary>The driver's half is there.</summary>
    public void Opened(BlockNode node)
    {
        Place(node);
        _recordedAs = RecordedBacking?.FileName;
        RefreshProfile();
    }

    /// <summary>Under the graph's lock: nobody will use the node from now on.</summary>
    public void MarkClosed() => IsClosed = true;

    /// <summary>Under the graph's lock: <see cref="CloseAsync"/> follows.</summary>
    public void BeginClosing() => _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends the driver's half. Children are still linked: it may write to them.</summary>
    public async ValueTask CloseAsync()
    {
        try
        {
            if (_node is { } node)
                await CloseNodeAsync(node).ConfigureAwait(false);
        }
        finally
        {
            DisposeResources();
            ForgetPassword();
            _lease.Dispose();
            _closed?.SetResult();
        }
    }

    /// <summary>Disposed when the node has been closed.</summary>
    public void EndsWith(IDisposable resource) =>
        ImmutableInterlocked.Update(ref _resources, static (all, added) => all.Add(added), resource);

    public void AttachParent(GraphEdge edge) => ParentEdges = ParentEdges.Insert(0, edge);

    ValueTask IGraphNode.ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) =>
        _graph.ResizeAsync(this, length, options, cancellationToken);

    ValueTask IGraphNode.FlushAsync(CancellationToken cancellationToken) => FlushAsync(cancellationToken);

    private async ValueTask CloseNodeAsync(BlockNode node)
    {
        try
        {
            await BitmapPersistence.StoreAtEndAsync(Bitmaps).ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            // Those that the image has stay marked in use: whoever opens it next knows that they are lost.
            _graph.Warnings.Give($"Lost persistent bitmaps during inactivation of node '{Name}': {e.Message}");
        }

        try
        {
            if (!ReadOnly)
                await FlushAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // Whoever needed the data on disk has flushed before; closing goes on.
        }

        await node.DisposeAsync().ConfigureAwait(false);
    }

    /// <param name="asked">A child whose size is known: asking twice at each level would double the work with each.</param>
    private async ValueTask<long?> AllocatedBelowAsync(ChildLink? asked, long? sizeOfAsked, CancellationToken cancellationToken)
    {
        // What a filter keeps for itself (a log) is no part of the disk.
        var storage = Driver.Kind == BlockDriverKind.Filter
            ? BlockChildRole.Filtered
            : BlockChildRole.Data | BlockChildRole.Metadata | BlockChildRole.Filtered;
        long? sum = null;
        foreach (var link in ChildLinks.Where(link => (link.Role & storage) != 0))
        {
            var size = link == asked
                ? sizeOfAsked
                : (await link.Child.GetFactsAsync(cancellationToken).ConfigureAwait(false)).AllocatedSize;
            sum = (sum ?? 0) + size;
        }

        return sum;
    }

    private ChildLink? FirstChild(BlockChildRole role)
    {
        foreach (var link in ChildLinks)
        {
            if ((link.Role & role) != 0)
                return link;
        }

        return null;
    }
}
