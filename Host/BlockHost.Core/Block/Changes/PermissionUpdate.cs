// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block.Changes;

/// <summary>
/// One change of permissions, all or nothing. From the top down every node adds up what its users need and share, and
/// proposes to its children what it then needs of them, as far down as that differs from what is in force; drivers take
/// what is new (locks); only then is all of it in force.
/// <code>
///   needed of a node = union of its users' needed;   shared = intersection of their shared
///   conflict         = one user needs what another does not share
/// </code>
/// </summary>
internal sealed class PermissionUpdate
{
    private const BlockPermissions AnyWrite = BlockPermissions.Write | BlockPermissions.WriteUnchanged;

    private readonly List<(GraphNode Node, BlockPermissionSet Permissions)> _prepared = [];
    private readonly IReadOnlyList<GraphNode> _changed;
    private readonly HashSet<GraphNode> _affected;

    private PermissionUpdate(IReadOnlyList<GraphNode> changed)
    {
        _changed = changed;
        _affected = [.. changed];
    }

    /// <param name="changed">Nodes whose users, or users' wishes (<see cref="GraphEdge.Proposed"/>), have changed.</param>
    /// <exception cref="BlockException">A conflict, with QEMU's text; nothing has changed.</exception>
    /// <exception cref="BlockException">A driver could not get a lock; nothing has changed.</exception>
    public static async ValueTask ApplyAsync(IReadOnlyList<GraphNode> changed, CancellationToken cancellationToken)
    {
        var update = new PermissionUpdate(changed);
        try
        {
            update.Propose();
            await update.PrepareAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            update.Abort();
            throw;
        }

        update.Commit();
    }

    /// <summary>
    /// After a user has gone: fewer permissions cannot conflict, and a lock not given back is no reason to fail.
    /// </summary>
    public static async ValueTask LoosenAsync(GraphNode node)
    {
        if (node.IsClosed)
            return;
        try
        {
            await ApplyAsync([node], CancellationToken.None).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // The driver keeps what it holds until the next change.
        }
    }

    /// <summary>
    /// A node that is reached again on a longer way proposes again: what it said last is with all its users in mind.
    /// </summary>
    private void Propose()
    {
        var due = new Queue<GraphNode>(_changed);
        while (due.TryDequeue(out var node))
        {
            var permissions = Sum(node);
            foreach (var link in node.ChildLinks)
            {
                var before = link.Effective;
                link.Proposed = Propose(node, link, permissions);
                if (link.Effective == before)
                    continue;
                _affected.Add(link.Child);
                due.Enqueue(link.Child);
            }
        }
    }

    private async ValueTask PrepareAsync(CancellationToken cancellationToken)
    {
        foreach (var node in GraphWalk.DownFrom(_changed, _affected))
        {
            CheckConflicts(node);
            var permissions = Sum(node);
            CheckWritable(node, permissions);
            if (!node.IsOpen || node.IsClosed || permissions == node.CommittedPermissions)
                continue;
            await node.Node.PreparePermissionsAsync(permissions, cancellationToken).ConfigureAwait(false);
            _prepared.Add((node, permissions));
        }
    }

    private void Commit()
    {
        foreach (var (node, permissions) in _prepared)
        {
            node.Node.CommitPermissions();
            node.CommittedPermissions = permissions;
            node.ForgetGaps();
        }

        foreach (var edge in Edges())
        {
            edge.Permissions = edge.Effective;
            edge.Proposed = null;
        }
    }

    private void Abort()
    {
        for (var i = _prepared.Count - 1; i >= 0; i--)
            _prepared[i].Node.Node.AbortPermissions();
        foreach (var edge in Edges())
            edge.Proposed = null;
    }

    private IEnumerable<GraphEdge> Edges() =>
        _affected.SelectMany(node => node.ParentEdges).Concat(_affected.SelectMany(node => node.ChildLinks));

    private static BlockPermissionSet Propose(GraphNode node, ChildLink link, BlockPermissionSet own)
    {
        if (!node.IsActive)
            return BlockPermissionSet.None;
        var wanted = node.IsOpen
            ? node.Node.GetChildPermissions(link, own)
            : DefaultChildPermissions.For(link.Role, own, writable: !node.Generic.ReadOnly);
        if (node.IsReopening)
            wanted = AfterReopen(node, link, own, wanted);
        return link.Child.Generic.ForceShare ? wanted with { Shared = BlockPermissions.All } : wanted;
    }

    // The driver answers for what it is now; whether it writes afterwards is the new options' to say.
    private static BlockPermissionSet AfterReopen(
        GraphNode node, ChildLink link, BlockPermissionSet own, BlockPermissionSet wanted)
    {
        const BlockPermissions writing = AnyWrite | BlockPermissions.Resize;
        var usual = DefaultChildPermissions.For(link.Role, own, writable: !node.Generic.ReadOnly).Needed;
        return wanted with { Needed = node.Generic.ReadOnly ? wanted.Needed & (usual | ~writing) : wanted.Needed | usual };
    }

    private static BlockPermissionSet Sum(GraphNode node)
    {
        var sum = BlockPermissionSet.None;
        foreach (var edge in node.ParentEdges)
            sum = new(sum.Needed | edge.Effective.Needed, sum.Shared & edge.Effective.Shared);
        return sum;
    }

    private static void CheckConflicts(GraphNode node)
    {
        foreach (var owner in node.ParentEdges)
        {
            foreach (var other in node.ParentEdges)
            {
                var conflict = other.Effective.Needed & ~owner.Effective.Shared;
                if (owner != other && conflict != BlockPermissions.None)
                {
                    throw new BlockException(BlockErrorKind.PermissionDenied, $"Permission conflict on node '{node.Name}': permissions '{PermissionNames.Join(conflict)}' are both required by {other.UserDescription} "
                        + $"and unshared by {owner.UserDescription}.");
                }
            }
        }
    }

    private static void CheckWritable(GraphNode node, BlockPermissionSet permissions)
    {
        if ((permissions.Needed & AnyWrite) != 0 && node.IsOpen && node.ReadOnly)
        {
            var message = node.IsLosingWrite
                ? $"Read-only block node '{node.Name}' cannot support read-write users"
                : "Block node is read-only";
            throw new BlockException(BlockErrorKind.ReadOnly, message) { NodeName = node.Name };
        }
    }
}
