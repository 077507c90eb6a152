// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Changes;
using BlockHost.Core.Block.Opening;

namespace BlockHost.Core.Block;

/// <summary>Users outside the graph.</summary>
public sealed partial class BlockGraph
{
    public async ValueTask<IBlockBackend> OpenAsync(
        BlockdevRef reference, BackendOptions options, CancellationToken cancellationToken)
    {
        ValueTask<Backend> Attach(GraphNode node) => AttachBackendAsync(node, options, cancellationToken);
        return await OpenForUserAsync(reference, OpenScope.For(options), Attach, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<IBlockBackend> CreateBackendAsync(
        IGraphNode node, BackendOptions options, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        return await AttachBackendAsync(Own(node), options, cancellationToken).ConfigureAwait(false);
    }

    internal async ValueTask ChangePermissionsAsync(
        Backend backend, BlockPermissionSet permissions, CancellationToken cancellationToken)
    {
        await using var change = (await BeginChangeAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
        backend.Link.Want(permissions);
        await PermissionUpdate.ApplyAsync([backend.Link.Child], cancellationToken).ConfigureAwait(false);
    }

    internal async ValueTask RemoveBackendAsync(Backend backend)
    {
        await using var change = (await BeginChangeAsync(CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
        await DetachBackendAsync(backend).ConfigureAwait(false);
    }

    private async ValueTask<Backend> AttachBackendAsync(
        GraphNode node, BackendOptions options, CancellationToken cancellationToken)
    {
        if (options.Name is { } name)
            CheckNewBackendName(name);
        if (node.IsClosed)
            throw new BlockException(BlockErrorKind.ShuttingDown, $"Node '{node.Name}' has been closed");
        var backend = new Backend(this, node, options);
        backend.Link.Want(options.Permissions);
        node.AttachParent(backend.Link);
        try
        {
            await PermissionUpdate.ApplyAsync([node], cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            node.DetachParent(backend.Link);
            throw;
        }

        _backends = _backends.Add(backend);
        await ExtendDrainsAsync().ConfigureAwait(false);
        return backend;
    }

    private async ValueTask DetachBackendAsync(Backend backend)
    {
        var node = backend.Link.Child;
        _backends = _backends.Remove(backend);
        node.DetachParent(backend.Link);
        await PermissionUpdate.LoosenAsync(node).ConfigureAwait(false);
        CloseIfUnused(node);
    }

    private void CheckNewBackendName(string name)
    {
        if (!NodeNames.IsWellFormed(name))
            throw new BlockException(BlockErrorKind.InvalidArgument, "Invalid device name");
        if (_backends.Any(backend => backend.Name == name))
            throw new BlockException(BlockErrorKind.AlreadyExists, $"Device with id '{name}' already exists");
        if (_names.ContainsKey(name))
            throw new BlockException(BlockErrorKind.AlreadyExists, $"Device name '{name}' conflicts with an existing node name");
    }
}
