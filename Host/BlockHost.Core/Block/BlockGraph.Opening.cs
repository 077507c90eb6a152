// SPDX-License-Identifier: MIT
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Bitmaps;
using BlockHost.Core.Block.Changes;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Json;
using BlockHost.Core.Logging;

namespace BlockHost.Core.Block;

/// <summary>
/// Opening nodes. A driver may wait for the outside world while it opens a node, so the graph's lock is not held then;
/// it is taken for each step that the graph sees:
/// <code>
///   reserve the name ─► driver.OpenAsync ───────────────► listed, permissions ─► load bitmaps ─► ready ─► given to a user
///                          └ OpenChildAsync: attach, permissions                                             (held until then)
///        no lock             lock for the step                  lock               no lock          lock
/// </code>
/// </summary>
public sealed partial class BlockGraph
{
    /// <summary>Levels of children under a node; more is a loop or an attack.</summary>
    internal const int MaxNesting = 1000;

    /// <summary>
    /// Bytes of a node at the most, as in QEMU: so far below the largest number that rounding up never overflows.
    /// </summary>
    internal const long MaxLength = long.MaxValue - (1 << 30) + 1;

    private long _generatedNames;

    public async ValueTask<IGraphNode> AddAsync(JsonElement options, CancellationToken cancellationToken)
    {
        if (options.ValueKind == JsonValueKind.Object && JsonObjects.StringMember(options, "node-name") is null)
            throw new BlockException(BlockErrorKind.InvalidArgument, "'node-name' must be specified for the root node");
        var scope = OpenScope.Command with { IsInactive = OpensInactive() };
        var opened = await OpenNodeAsync(options, scope, cancellationToken).ConfigureAwait(false);
        return await GiveToUserAsync(opened, static node =>
        {
            node.MonitorOwned = true;
            return new ValueTask<IGraphNode>(node);
        }).ConfigureAwait(false);
    }

    public async ValueTask RemoveAsync(string nodeName, CancellationToken cancellationToken)
    {
        var change = await BeginChangeAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            LetGo(nodeName);
        }
        catch
        {
            await change.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        try
        {
            await change.DisposeAsync().ConfigureAwait(false);
        }
        catch (BlockException e)
        {
            // It is gone all the same. Whoever needed the data on disk has flushed before.
            Warnings.Give($"Failed to write out node '{nodeName}' when it was closed: {e.Message}");
        }
    }

    /// <summary>Under the lock: the monitor's hold on a node ends.</summary>
    private void LetGo(string nodeName)
    {
        var node = FindNode(nodeName)
            ?? throw new BlockException(BlockErrorKind.NotFound, $"Failed to find node with node-name='{nodeName}'");
        // A job's hold on a node is no such user: it blocks the operation by name.
        if (_backends.Any(backend => backend.Link.Child == node && backend.IsRoot))
            throw new BlockException(BlockErrorKind.Busy, $"Node {nodeName} is in use");
        node.CheckOperation(BlockOperations.DeleteNode);
        if (!node.MonitorOwned)
            throw new BlockException(BlockErrorKind.Busy, $"Node {nodeName} is not owned by the monitor");
        if (node.ParentEdges.Length > 0)
            throw new BlockException(BlockErrorKind.Busy, $"Block device {nodeName} is in use");
        node.MonitorOwned = false;
        CloseIfUnused(node);
    }

    /// <summary>
    /// Opens a node with nothing above it yet, which is held until it is given to a user or given up. The lock is not held.
    /// A failure leaves nothing open.
    /// </summary>
    internal async ValueTask<GraphNode> OpenNodeAsync(JsonElement json, OpenScope scope, CancellationToken cancellationToken)
    {
        if (scope.Depth > 0)
            return await OpenNodeUntilEndAsync(json, scope, cancellationToken).ConfigureAwait(false);
        _ending.Token.ThrowIfCancellationRequested();
        using var untilEnd = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _ending.Token);
        return await OpenNodeUntilEndAsync(json, scope, untilEnd.Token).ConfigureAwait(false);
    }

    private async ValueTask<GraphNode> OpenNodeUntilEndAsync(
        JsonElement json, OpenScope scope, CancellationToken cancellationToken)
    {
        if (scope.Depth > MaxNesting)
            throw NestingException.Error(MaxNesting);
        // Each level of a chain is opened inside the one above it: a deep one goes on with a fresh stack.
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            await Task.Yield();
        if (scope.AllowFileNames)
        {
            (json, var isProbed) = await FileNameOptions.ExpandAsync(
                this, _drivers, json, scope, cancellationToken).ConfigureAwait(false);
            scope = scope with { IsProbed = isProbed };
        }

        var options = NodeOptions.Parse(json, scope.Inherited);
        if (scope.IsInactive)
            options = options with { Generic = options.Generic with { Active = false } };
        var name = options.NodeName ?? GenerateName();
        if (options.NodeName is not null)
            CheckNewName(name);
        var lease = await _drivers.AcquireAsync(options.Driver, $"node '{name}'", cancellationToken).ConfigureAwait(false)
            ?? throw new BlockException(ParameterFault.NotAccepted("driver", options.Driver));
        if (scope.AllowFileNames)
            options = Typed(options, lease);
        var node = new GraphNode(this, lease, name, options.NodeName is null, WithAio(options, lease.Driver, scope))
        { NoIo = scope.NoIo };
        if (!_names.TryAdd(name, node))
        {
            lease.Dispose();
            throw new BlockException(BlockErrorKind.AlreadyExists, $"Duplicate nodes with node-name='{name}'");
        }

        await OpenDriverAsync(node, scope, cancellationToken).ConfigureAwait(false);
        return node;
    }

    /// <summary>Finds or opens what a reference names, and makes somebody its user under the lock.</summary>
    internal async ValueTask<T> OpenForUserAsync<T>(
        BlockdevRef reference, OpenScope scope, Func<GraphNode, ValueTask<T>> use, CancellationToken cancellationToken)
    {
        if (!reference.IsReference)
            return await GiveToUserAsync(
                await OpenNodeAsync(reference.Options, scope, cancellationToken).ConfigureAwait(false),
                use).ConfigureAwait(false);
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        return await use(LookupNode(reference.NodeName, reference.NodeName)).ConfigureAwait(false);
    }

    /// <summary>Under the lock, makes somebody the user of a node that has been opened; closes it where that fails.</summary>
    internal async ValueTask<T> GiveToUserAsync<T>(GraphNode opened, Func<GraphNode, ValueTask<T>> use)
    {
        await using var change = (await BeginChangeAsync(CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
        opened.Holds--;
        try
        {
            return await use(opened).ConfigureAwait(false);
        }
        catch
        {
            CloseIfUnused(opened);
            throw;
        }
    }

    /// <summary>Closes a node that has been opened and that nobody wants after all.</summary>
    internal async ValueTask GiveUpAsync(GraphNode opened)
    {
        await using var change = (await BeginChangeAsync(CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
        opened.Holds--;
        CloseIfUnused(opened);
    }

    /// <summary>Under the lock: links a child to a node that is being opened, with the permissions its role asks for.</summary>
    internal async ValueTask<ChildLink> AttachChildAsync(
        GraphNode parent, ChildSpec spec, GraphNode child, CancellationToken cancellationToken)
    {
        var link = new ChildLink(parent, spec.Name, spec.Role, child) { Option = spec.Option };
        GraphWalk.RefuseCycle(parent, link.Name, child);
        RefuseInactive(parent, link.Name, child);
        parent.ChildLinks = parent.ChildLinks.Add(link);
        child.AttachParent(link);
        try
        {
            await PermissionUpdate.ApplyAsync([parent, child], cancellationToken).ConfigureAwait(false);
            await ExtendDrainsAsync().ConfigureAwait(false);
            return link;
        }
        catch
        {
            Unlink(link);
            CloseIfUnused(child);
            throw;
        }
    }

    /// <summary>Takes a child away from a node, and closes what nobody else uses.</summary>
    internal async ValueTask DetachChildAsync(ChildLink link)
    {
        Unlink(link);
        await PermissionUpdate.LoosenAsync(link.Child).ConfigureAwait(false);
        CloseIfUnused(link.Child);
    }

    private async ValueTask OpenDriverAsync(GraphNode node, OpenScope scope, CancellationToken cancellationToken)
    {
        node.Holds++;
        if (!node.OpensInDrain)
            node.BeginOpening();
        ImmutableInterlocked.Update(ref _opening, static (opening, added) => opening.Add(added), node);
        try
        {
            var driver = node.Driver;
            OptionsCheck.Validate(
                driver.OptionsType,
                node.DriverOptions,
                scope.AllowFileNames ? option => OptionsCheck.NotSupported(driver, option) : null);
            var context = new NodeContext(this, node, scope);
            var opened = await OpenDriversHalfAsync(node, context, cancellationToken).ConfigureAwait(false);
            context.Seal();
            await PlaceAsync(node, opened, cancellationToken).ConfigureAwait(false);
            if (!node.IsActive && driver.ClosesWhenInactive)
                await node.StandInAsync(cancellationToken).ConfigureAwait(false);
            if (node.IsActive && !scope.ForRepair && !(scope.NoIo && node.ReadOnly))
                await BitmapPersistence.LoadAsync(node.Bitmaps, cancellationToken).ConfigureAwait(false);
            await using var change = (await BeginChangeAsync(CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
            node.EndOpening();
        }
        catch
        {
            await GiveUpAsync(node).ConfigureAwait(false);
            throw;
        }
        finally
        {
            ImmutableInterlocked.Update(ref _opening, static (opening, done) => opening.Remove(done), node);
        }
    }

    /// <summary>Gives the driver's half, which nobody else would close, to its node.</summary>
    private async ValueTask PlaceAsync(GraphNode node, BlockNode opened, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
        List(node);
        node.Opened(opened);
        if (node.Length > MaxLength)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "Could not refresh total sector count: File too large", Errno.EFBIG);
        await PermissionUpdate.ApplyAsync([node], cancellationToken).ConfigureAwait(false);
        await ExtendDrainsAsync().ConfigureAwait(false);
    }

    internal async ValueTask<BlockNode> OpenDriversHalfAsync(
        GraphNode node, NodeContext context, CancellationToken cancellationToken)
    {
        try
        {
            return await node.Driver.OpenAsync(context, node.DriverOptions, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (!PluginFaults.IsExpected(e))
        {
            throw new BlockException(BlockErrorKind.Io, Faults.Report(e, node.PluginId, $"while it opened node '{node.Name}'"))
            { NodeName = node.Name };
        }
    }

    private static NodeOptions WithAio(NodeOptions options, BlockDriver driver, OpenScope scope)
    {
        if (scope.Aio is not { } aio || options.DriverOptions.TryGetProperty("aio", out _)
            || !driver.OptionsType.Properties.Any(property => property.Name == "aio"))
            return options;
        return options with { DriverOptions = JsonObjects.With(options.DriverOptions, "aio", aio) };
    }

    private static NodeOptions Typed(NodeOptions options, DriverLease lease)
    {
        try
        {
            return options with
            {
                DriverOptions = LooseOptions.Typed(
                lease.Driver.OptionsType, lease.Driver.Modernise(options.DriverOptions))
            };
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    private static void Unlink(ChildLink link)
    {
        link.Child.DetachParent(link);
        if (link.ParentNode is { } parent)
            parent.ChildLinks = parent.ChildLinks.Remove(link);
    }

    private void CheckNewName(string name)
    {
        NodeNames.Check(name);
        if (_backends.Any(backend => backend.Name == name))
            throw new BlockException(BlockErrorKind.AlreadyExists, $"node-name={name} is conflicting with a device id");
        if (_names.ContainsKey(name))
            throw new BlockException(BlockErrorKind.AlreadyExists, $"Duplicate nodes with node-name='{name}'");
    }

    private string GenerateName() => $"#block{_generatedNames++}{Random.Shared.Next(100):00}";
}
