// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;

namespace BlockHost.Core.Block.Io;

/// <summary>
/// One request at a time over all nodes of a driver. A node may lie below another of its driver (a backing file): what
/// the upper one's request asks of it runs inside that request's turn, or both would wait for ever.
/// </summary>
internal sealed class DriverGate
{
    private readonly SemaphoreSlim _turn = new(1);

    // Flows with a request into all it awaits.
    private readonly AsyncLocal<Turn?> _held = new();

    /// <summary>Waits for a turn; null inside one.</summary>
    public async ValueTask<Turn?> EnterAsync(CancellationToken cancellationToken)
    {
        if (_held.Value is { IsOver: false })
            return null;
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new Turn(this);
    }

    internal sealed class Turn(DriverGate gate) : IDisposable
    {
        public bool IsOver { get; private set; }

        /// <summary>From here on what the caller awaits is part of the turn.</summary>
        public void Hold() => gate._held.Value = this;

        public void Dispose()
        {
            IsOver = true;
            gate._turn.Release();
        }
    }
}

/// <summary>The gates of drivers that take one request over all their nodes, for as long as the drivers live.</summary>
internal sealed class DriverGates
{
    private readonly ConditionalWeakTable<BlockDriver, DriverGate> _gates = [];

    public RequestGate For(BlockDriver driver, Concurrency concurrency) => concurrency switch
    {
        Concurrency.Parallel => RequestGate.Unlimited,
        Concurrency.SerializeNode => RequestGate.OneAtATime(driver: null),
        _ => RequestGate.OneAtATime(_gates.GetValue(driver, static _ => new DriverGate())),
    };
}
