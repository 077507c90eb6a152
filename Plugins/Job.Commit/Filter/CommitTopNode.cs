// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Job.Commit.Filter;

/// <summary>
/// Holds the place over the top image while it is committed. Reads pass through. What its users see stays the same whichever
/// image holds it, so it asks nothing of those below.
/// </summary>
internal sealed class CommitTopNode(IBlockChild child) : BlockFilterNode(child)
{
    public override BlockPermissionSet GetChildPermissions(IBlockChild child, BlockPermissionSet own) => BlockPermissionSet.None;
}
