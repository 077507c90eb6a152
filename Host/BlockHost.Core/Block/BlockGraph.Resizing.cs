// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Changes;

namespace BlockHost.Core.Block;

/// <summary>
/// Resizing. A driver may wait for the outside world, so the graph's lock is not held meanwhile. A resize is a request in flight
/// of a user of its own: it drains all others, and a change of the graph that drains the node waits for it as for any request.
/// <code>
///   a user for it ─► enters as a request ─► first at the node? ─► drains the others ─► driver.ResizeAsync ─► leaves ─► user gone
///     lock                    ▲  no: leaves, waits ─┘ no                                 no lock                        lock
/// </code>
/// </summary>
public sealed partial class BlockGraph
{
    /// <summary>block_resize: needs the permission for the time of it, and is about this node, whatever is put on top.</summary>
    internal ValueTask ResizeAsync(GraphNode node, long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        if (length < 0)
            throw new BlockException(ParameterFault.OutOfRange("size", "a >0 size"));
        var user = new BackendOptions { Permissions = new(BlockPermissions.Resize, BlockPermissions.All), StaysAtNode = true };
        return ResizeAsUserAsync(node, user, length, options, cancellationToken);
    }

    /// <summary>A user that may resize does.</summary>
    internal ValueTask ResizeAsync(Backend backend, long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        var user = new BackendOptions { Permissions = new(BlockPermissions.None, BlockPermissions.All) };
        return ResizeAsUserAsync(backend.Link.Child, user, length, options, cancellationToken);
    }

    private async ValueTask ResizeAsUserAsync(
        GraphNode node, BackendOptions options, long length, ResizeOptions resize, CancellationToken cancellationToken)
    {
        var user = (Backend)await CreateBackendAsync(node, options, cancellationToken).ConfigureAwait(false);
        await using var gone = user.ConfigureAwait(false);
        var queue = (Queue)user.OpenQueue();
        await using var closed = queue.ConfigureAwait(false);
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        for (Task? other = null; ;)
        {
            await queue.RunAsync(TryAsync, cancellationToken).ConfigureAwait(false);
            if (other is null)
                return;
            await other.WaitAsync(cancellationToken).ConfigureAwait(false);

            async ValueTask TryAsync(GraphNode target)
            {
                // Two that drain each other would wait for ever: the second leaves until the first is done.
                other = Interlocked.CompareExchange(ref target.Resizing, turn, null)?.Task;
                if (other is null)
                    await ResizeInTurnAsync(target).ConfigureAwait(false);
            }
        }

        async ValueTask ResizeInTurnAsync(GraphNode target)
        {
            try
            {
                await using var drained = (await DrainAsync(
                    target, isBrief: false, except: user, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
                await target.ResizeDirectAsync(length, resize, cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                target.Resizing = null;
                turn.SetResult();
            }
        }
    }
}
