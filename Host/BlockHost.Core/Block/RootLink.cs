// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Core.Block.Changes;

namespace BlockHost.Core.Block;

/// <summary>The link of a backend to its node.</summary>
internal sealed class RootLink(
    Backend backend,
    string childName,
    GraphNode child) : GraphEdge(childName, BlockChildRole.Filtered | BlockChildRole.Primary, child)
{
    public Backend Backend { get; } = backend;

    public override GraphNode? ParentNode => null;

    public override string ParentDescription => Backend.Description;

    /// <summary>The user's wish, while its node is inactive and nobody needs anything of it.</summary>
    public BlockPermissionSet? Suspended { get; private set; }

    /// <summary>Proposes what the user wants, or keeps it for when the node is active.</summary>
    /// <exception cref="BlockException">The user cannot do with an inactive node; QEMU's text.</exception>
    public void Want(BlockPermissionSet wanted)
    {
        if (Child.IsActive)
        {
            Proposed = wanted;
            return;
        }

        if (NeedsActive(wanted))
            throw new BlockException(
                BlockErrorKind.PermissionDenied,
                $"Permission '{PermissionNames.Join(wanted.Needed)}' unavailable on inactive node")
            { NodeName = Child.Name };
        Suspended = wanted;
        Proposed = BlockPermissionSet.None;
    }

    /// <summary>The user, as it is now, keeps its node active.</summary>
    public bool KeepsActive => NeedsActive(Permissions);

    /// <summary>The node becomes inactive.</summary>
    public void Suspend()
    {
        Suspended ??= Permissions;
        Proposed = BlockPermissionSet.None;
    }

    /// <summary>The node becomes active: the user's wish counts again, once that is settled.</summary>
    public void Resume() => Proposed = Suspended;

    public void Settle() => Suspended = null;

    private bool NeedsActive(BlockPermissionSet wanted) =>
        (wanted.Needed & ~BlockPermissions.ConsistentRead) != 0 && !Backend.AllowsInactive && Backend.Name is null;

    public bool CanWrite => MayWrite;

    public bool CanWriteUnchanged => MayWriteUnchanged;

    public bool CanResize => MayResize;
}
