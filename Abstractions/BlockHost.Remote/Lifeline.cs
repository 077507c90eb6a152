// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Remote;

/// <summary>What everything of a node hangs on that waits for a server: a yank cuts it.</summary>
public sealed class Lifeline
{
    private readonly CancellationTokenSource _source = new();
    private volatile bool _isYanked;

    /// <summary>Cancelled by a yank and by closing.</summary>
    public CancellationToken Token => _source.Token;

    public bool IsYanked => _isYanked;

    /// <summary>From any thread at any time; what waits is let go on the runtime's threads.</summary>
    public void Yank()
    {
        _isYanked = true;
        _ = _source.CancelAsync();
    }

    /// <summary>The node closes.</summary>
    public Task CloseAsync() => _source.CancelAsync();

    public BlockException Error(string what) => _isYanked
        ? new(BlockErrorKind.Yanked, $"{what}: yanked")
        : new(BlockErrorKind.ShuttingDown, $"{what}: the node is closed");
}
