// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Core.Block;

/// <summary>
/// A link to a node: from a parent node (<see cref="ChildLink"/>) or from a user outside the graph (<see cref="RootLink"/>).
/// </summary>
internal abstract class GraphEdge(string name, BlockChildRole role, GraphNode child) : IGraphEdge
{
    private GraphNode _child = child;
    private BlockPermissionSet _permissions = BlockPermissionSet.None;

    public string Name { get; } = name;

    public BlockChildRole Role { get; } = role;

    /// <summary>Changed only inside a drained section, under the graph's lock.</summary>
    public GraphNode Child
    {
        get => Volatile.Read(ref _child);
        set => Volatile.Write(ref _child, value);
    }

    /// <summary>In force.</summary>
    public BlockPermissionSet Permissions
    {
        get => _permissions;
        set
        {
            _permissions = value;
            MayWrite = (value.Needed & BlockPermissions.Write) != 0;
            MayWriteUnchanged = MayWrite || (value.Needed & BlockPermissions.WriteUnchanged) != 0;
            MayResize = (value.Needed & BlockPermissions.Resize) != 0;
        }
    }

    /// <summary>Proposed by a permission update under way.</summary>
    public BlockPermissionSet? Proposed { get; set; }

    public BlockPermissionSet Effective => Proposed ?? Permissions;

    public abstract GraphNode? ParentNode { get; }

    public abstract string ParentDescription { get; }

    /// <summary>How QEMU's conflict texts name the user.</summary>
    public string UserDescription => $"{ParentDescription} (uses node '{Child.Name}' as '{Name}' child)";

    protected bool MayWrite { get; private set; }

    protected bool MayWriteUnchanged { get; private set; }

    protected bool MayResize { get; private set; }

    IGraphNode? IGraphEdge.Parent => ParentNode;

    IGraphNode IGraphEdge.Child => Child;
}
