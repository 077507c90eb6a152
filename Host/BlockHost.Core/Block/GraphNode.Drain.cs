// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block;

/// <summary>Quiet times of the driver: it is told of the first section and of the last one's end.</summary>
internal sealed partial class GraphNode
{
    private readonly Lock _drainLock = new();
    private int _drains;
    private Task _drainBegun = Task.CompletedTask;

    /// <summary>Counts one more section; the task completes when the driver is quiet.</summary>
    public Task DrainBegin(CancellationToken cancellationToken)
    {
        lock (_drainLock)
        {
            if (_drains++ == 0)
                _drainBegun = Node.DrainBeginAsync(cancellationToken).AsTask();
            return _drainBegun;
        }
    }

    /// <summary>Another half of the driver's takes the place of the present one, in a drained section.</summary>
    private void PlaceDrained(BlockNode node)
    {
        lock (_drainLock)
        {
            Place(node);
            if (_drains > 0)
                _drainBegun = Task.WhenAll(_drainBegun, node.DrainBeginAsync(CancellationToken.None).AsTask());
        }
    }

    public void DrainEnd()
    {
        lock (_drainLock)
        {
            if (--_drains == 0 && _node is { } node && !IsClosed)
                node.DrainEnd();
        }
    }
}
