// SPDX-License-Identifier: MIT
using BlockHost.Block;

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

    public bool CanWrite => MayWrite;

    public bool CanWriteUnchanged => MayWriteUnchanged;

    public bool CanResize => MayResize;
}
