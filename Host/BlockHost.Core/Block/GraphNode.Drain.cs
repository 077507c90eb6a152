// SPDX-License-Identifier: MIT
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

    public void DrainEnd()
    {
        lock (_drainLock)
        {
            if (--_drains == 0 && _node is { } node && !IsClosed)
                node.DrainEnd();
        }
    }
}
