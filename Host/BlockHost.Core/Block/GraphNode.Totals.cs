// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Block;

/// <summary>
/// What users outside the graph have asked of the node. It never falls, though users leave or move to another node.
/// </summary>
internal sealed partial class GraphNode
{
    private readonly Lock _totalsLock = new();
    private RequestTotals _ofFormerUsers = RequestTotals.None;

    public RequestTotals Totals
    {
        get
        {
            lock (_totalsLock)
                return Users.Aggregate(_ofFormerUsers, (sum, user) => sum + user.TotalsHere);
        }
    }

    public long InFlight => Users.Sum(user => (long)user.InFlight);

    private IEnumerable<Backend> Users => ParentEdges.OfType<RootLink>().Select(link => link.Backend);

    public void DetachParent(GraphEdge edge)
    {
        lock (_totalsLock)
        {
            if (edge is RootLink { Backend: var user })
            {
                _ofFormerUsers += user.TotalsHere;
                user.LeaveTotals();
            }

            ParentEdges = ParentEdges.Remove(edge);
        }
    }
}
