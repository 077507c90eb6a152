// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Core.Block.Bitmaps;
using BlockHost.Core.Block.Opening;

namespace BlockHost.Core.Block.Changes;

/// <summary>One node's part of a reopen: prepare can fail and changes nothing for good; commit cannot fail.</summary>
internal sealed class NodeReopen(GraphNode node, NodeOptions options)
{
    private readonly GenericOptions _oldGeneric = node.Generic;
    private readonly bool _wasReadOnly = node.ReadOnly;
    private IReopenStep? _step;
    private bool _bitmapsStored;
    private ChildLink? _oldBacking;
    private ChildLink? _newBacking;
    private bool _backingChanged;
    private StorageExchange? _storage;

    public GraphNode Node { get; } = node;

    /// <summary>Not asked for itself: its options come from a parent's.</summary>
    public bool IsInherited { get; set; }

    public IEnumerable<GraphNode> NewChildren => Present(_newBacking?.Child, _storage?.To);

    public IEnumerable<GraphNode> OldChildren => Present(_oldBacking?.Child, _storage?.From);

    public async ValueTask PrepareAsync(BlockGraph graph, CancellationToken cancellationToken)
    {
        if (!IsInherited && Node.Driver.SupportsBacking && Node.RecordedBacking is not null
            && !options.DriverOptions.TryGetProperty("backing", out _))
            throw new BlockException(BlockErrorKind.InvalidArgument, $"backing is missing for '{Node.Name}'");
        if (options.Driver != Node.Driver.FormatName)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Cannot change the option 'driver'");
        if (options.NodeName is { } name && name != Node.Name)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Cannot change the option 'node-name'");
        OptionsCheck.Validate(Node.Driver.OptionsType, options.DriverOptions);
        if (!IsInherited && !Node.TryGetFacet<IReopenable>(out _))
            throw CannotReopen();
        var unchanged = CheckChildren(graph);
        Node.Generic = options.Generic;
        Node.IsReopening = true;
        Node.IsLosingWrite = options.Generic.ReadOnly && !_oldGeneric.ReadOnly;
        await StoreBitmapsAsync(cancellationToken).ConfigureAwait(false);
        var context = new NodeContext(graph, Node, OpenScope.Command);
        context.Seal();
        if (Node.TryGetFacet<IReopenable>(out var reopenable))
            _step = await PrepareDriverAsync(reopenable, context, cancellationToken).ConfigureAwait(false);
        else
            CheckSameOptions(unchanged);
        ExchangeBacking();
    }

    private async ValueTask<IReopenStep> PrepareDriverAsync(
        IReopenable driver, NodeContext context, CancellationToken cancellationToken)
    {
        var step = await driver.PrepareReopenAsync(context, options.DriverOptions, cancellationToken).ConfigureAwait(false);
        if (_storage is null)
            return step;
        // That was for the old storage, which has all that is its own now; what is to be opened is in the new one.
        await step.AbortAsync().ConfigureAwait(false);
        _storage.Do();
        return await driver.PrepareReopenAsync(context, options.DriverOptions, cancellationToken).ConfigureAwait(false);
    }

    public void Commit()
    {
        Node.IsReopening = Node.IsLosingWrite = false;
        Node.TakeOptions(options with { Generic = Node.Generic });
        _step?.Commit();
        if (_backingChanged && Node.TryGetFacet<IBackingChildHolder>(out var holder))
            holder.SetBackingChild(_newBacking);

        Node.RefreshProfile();
        if (_bitmapsStored)
            BitmapPersistence.BecomeReadOnly(Node.Bitmaps);
    }

    public async ValueTask CommittedAsync(CancellationToken cancellationToken)
    {
        if (_step is not null)
            await _step.CommittedAsync(cancellationToken).ConfigureAwait(false);
        if (_wasReadOnly && !Node.ReadOnly)
            await BitmapPersistence.BecomeWritableAsync(Node.Bitmaps, cancellationToken).ConfigureAwait(false);
        else
            await Node.Bitmaps.CheckpointAsync(cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask AbortAsync()
    {
        Node.IsReopening = Node.IsLosingWrite = false;
        Node.Generic = _oldGeneric;
        if (_backingChanged)
            RestoreBacking();
        if (_step is not null)
            await _step.AbortAsync().ConfigureAwait(false);
        _storage?.Undo();
        if (_bitmapsStored)
            await BitmapPersistence.BecomeWritableAsync(Node.Bitmaps, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>The last chance to write: the storage below may become read-only as well.</summary>
    private async ValueTask StoreBitmapsAsync(CancellationToken cancellationToken)
    {
        if (_wasReadOnly || !options.Generic.ReadOnly)
            return;
        await BitmapPersistence.StoreAsync(Node.Bitmaps, cancellationToken).ConfigureAwait(false);
        _bitmapsStored = true;
    }

    /// <summary>
    /// Children must be the present ones, but for "file" and "backing". Returns the names of options that are children.
    /// </summary>
    private HashSet<string> CheckChildren(BlockGraph graph)
    {
        var children = new HashSet<string> { "backing" };
        foreach (var link in Node.ChildLinks.Where(link => link.Name != "backing"))
        {
            if (children.Add(link.Option) && link.IsInList)
                ChildOptions.RequireSameCount(Node, link.Option, options.DriverOptions);
            var given = ChildOptions.Of(options.DriverOptions, Node, link);
            if (given.ValueKind == JsonValueKind.Undefined && link.IsRecorded)
                continue;
            if (given.ValueKind == JsonValueKind.Undefined)
                throw new BlockException(
                    BlockErrorKind.InvalidArgument, $"Option '{link.Name}' cannot be reset to its default value");
            if (given.ValueKind == JsonValueKind.String)
                _storage = StorageExchange.Plan(Node, link, graph.ResolveExisting(given.GetString()!)) ?? _storage;
            else if (link.Child.InheritsFrom != Node)
                throw new BlockException(BlockErrorKind.InvalidArgument, $"Cannot change the option '{link.Name}.driver'");
        }

        if (options.DriverOptions.TryGetProperty("backing", out var backing))
            WantBacking(graph, backing);
        else if (Node.BackingLink is not null && !IsInherited)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"backing is missing for '{Node.Name}'");
        return children;
    }

    private void WantBacking(BlockGraph graph, JsonElement backing)
    {
        var wanted = backing.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String when backing.GetString() is "" => null,
            JsonValueKind.String => graph.ResolveExisting(backing.GetString()!),
            JsonValueKind.Object when Node.BackingLink is { } link && link.Child.InheritsFrom == Node => link.Child,
            _ => throw new BlockException(BlockErrorKind.InvalidArgument, "Cannot change the option 'backing'"),
        };
        _oldBacking = Node.BackingLink;
        _backingChanged = _oldBacking?.Child != wanted;
        if (!_backingChanged)
        {
            _oldBacking = null;
            return;
        }

        if (!Node.TryGetFacet<IBackingChildHolder>(out _))
            throw new BlockException(BlockErrorKind.InvalidArgument, "Cannot change the option 'backing'");
        if (wanted is not null)
            GraphWalk.RefuseCycle(Node, "backing", wanted);
        _newBacking = wanted is null ? null : new ChildLink(Node, "backing", BlockChildRole.Backing, wanted);
    }

    private void ExchangeBacking()
    {
        if (!_backingChanged)
            return;
        Remove(_oldBacking);
        Add(_newBacking);
    }

    private void RestoreBacking()
    {
        if (_newBacking is not null && !Node.ChildLinks.Contains(_newBacking)
            && (_oldBacking is null || Node.ChildLinks.Contains(_oldBacking)))
            return;
        Remove(_newBacking);
        if (_oldBacking is not null && !Node.ChildLinks.Contains(_oldBacking))
            Add(_oldBacking);
    }

    private BlockException CannotReopen() =>
        new(
            BlockErrorKind.NotSupported,
            $"Block format '{Node.Driver.FormatName}' used by node '{Node.Name}' does not support reopening files");

    private static IEnumerable<GraphNode> Present(params IEnumerable<GraphNode?> nodes) => nodes.OfType<GraphNode>();

    private void Add(ChildLink? link)
    {
        if (link is null)
            return;
        Node.ChildLinks = Node.ChildLinks.Add(link);
        link.Child.AttachParent(link);
    }

    private void Remove(ChildLink? link)
    {
        if (link is null)
            return;
        Node.ChildLinks = Node.ChildLinks.Remove(link);
        link.Child.DetachParent(link);
    }

    /// <summary>A driver that cannot reopen takes no new options of its own, and cannot learn to write.</summary>
    private void CheckSameOptions(HashSet<string> children)
    {
        if (_storage is not null || _oldGeneric.ReadOnly != Node.Generic.ReadOnly
            || _oldGeneric.CacheDirect != Node.Generic.CacheDirect)
            throw CannotReopen();
        foreach (var member in options.DriverOptions.EnumerateObject())
        {
            if (!children.Contains(member.Name)
                && !(Node.DriverOptions.TryGetProperty(member.Name, out var old) && JsonElement.DeepEquals(old, member.Value)))
                throw new BlockException(BlockErrorKind.InvalidArgument, $"Cannot change the option '{member.Name}'");
        }

        foreach (var member in Node.DriverOptions.EnumerateObject())
        {
            if (!children.Contains(member.Name) && !options.DriverOptions.TryGetProperty(member.Name, out _))
                throw new BlockException(
                    BlockErrorKind.InvalidArgument, $"Option '{member.Name}' cannot be reset to its default value");
        }
    }
}
