// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block;

/// <summary>Flushes, and what is noted of writes.</summary>
internal sealed partial class GraphNode
{
    private long _highWater;
    private long _threshold;

    public string? IoThread { get; set; }

    /// <summary>See <see cref="BlockHost.Block.Graph.IGraphNode.WriteThreshold"/>.</summary>
    public long WriteThreshold
    {
        get => Volatile.Read(ref _threshold);
        set => Volatile.Write(ref _threshold, value);
    }

    public long WriteHighWater => Volatile.Read(ref _highWater);

    public ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_skipsFlush || !IsActive)
            return ValueTask.CompletedTask;
        return PrimaryLink?.EventTarget is { } storage && !ReadOnly
            ? FlushAfterEventAsync(storage, cancellationToken)
            : FlushDriverAsync(cancellationToken);
    }

    private ValueTask FlushDriverAsync(CancellationToken cancellationToken) =>
        Gate.IsUnlimited
            ? Node.FlushAsync(cancellationToken)
            : Gate.RunAsync((Node, cancellationToken), static r => r.Node.FlushAsync(r.cancellationToken), cancellationToken);

    private void NoteWrite(long offset, long end)
    {
        var seen = Volatile.Read(ref _highWater);
        while (end > seen)
        {
            var current = Interlocked.CompareExchange(ref _highWater, end, seen);
            if (current == seen)
                break;
            seen = current;
        }

        var threshold = WriteThreshold;
        if (threshold > 0 && end > threshold && Interlocked.CompareExchange(ref _threshold, 0, threshold) == threshold)
            _graph.WriteThresholdExceeded(this, end - threshold, threshold);
    }
}
