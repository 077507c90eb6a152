// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>
/// Facet of a node with a list of children: one can be added or taken away while the node is in use (x-blockdev-change). The node
/// is drained; permissions, links and names are the host's work.
/// </summary>
public interface IChildList
{
    /// <summary>The option that is the list.</summary>
    string Option { get; }

    BlockChildRole Role { get; }

    /// <summary>The number of the next child: see <see cref="ChildSpec.Index"/>.</summary>
    /// <exception cref="BlockException">The node takes no more children now, or not this one.</exception>
    int CheckAdd(string nodeName, BlockProfile profile);

    void Add(IBlockChild child);

    /// <exception cref="BlockException">The node cannot do without the child.</exception>
    void CheckRemove(IBlockChild child);

    void Remove(IBlockChild child);
}
