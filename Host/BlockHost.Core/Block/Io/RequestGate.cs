// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;

namespace BlockHost.Core.Block.Io;

/// <summary>Keeps a driver's promise of concurrency: how many of its operations may be under way at once.</summary>
internal sealed class RequestGate
{
    // One gate a driver for those that take one request over all their nodes.
    private static readonly ConditionalWeakTable<BlockDriver, RequestGate> DriverGates = [];

    // The driver gates that the present request went through already: a node of the same driver below
    // (a backing file) must not wait for its own parent.
    private static readonly AsyncLocal<Held?> Holding = new();

    private readonly SemaphoreSlim? _node;
    private readonly RequestGate? _driver;

    private RequestGate(SemaphoreSlim? node, RequestGate? driver = null)
    {
        _node = node;
        _driver = driver;
    }

    public static RequestGate Unlimited { get; } = new(node: null);

    public bool IsUnlimited => _node is null;

    public static RequestGate For(BlockDriver driver, Concurrency concurrency) => concurrency switch
    {
        Concurrency.Parallel => Unlimited,
        Concurrency.SerializeNode => new RequestGate(new SemaphoreSlim(1)),
        _ => new RequestGate(new SemaphoreSlim(1), DriverGates.GetValue(driver, _ => new RequestGate(new SemaphoreSlim(1)))),
    };

    /// <summary>Runs one operation of the driver when it is its turn.</summary>
    public async ValueTask RunAsync<TState>(TState state, Func<TState, ValueTask> operation, CancellationToken cancellationToken)
    {
        if (_node is null)
        {
            await operation(state).ConfigureAwait(false);
            return;
        }

        var driver = _driver is not null && !IsHeld(_driver) ? _driver : null;
        if (driver is not null)
            await driver._node!.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (driver is not null)
                Holding.Value = new Held(driver, Holding.Value);
            await _node.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                await operation(state).ConfigureAwait(false);
            }
            finally
            {
                _node.Release();
            }
        }
        finally
        {
            driver?._node!.Release();
        }
    }

    private static bool IsHeld(RequestGate gate)
    {
        for (var held = Holding.Value; held is not null; held = held.Outer)
        {
            if (held.Gate == gate)
                return true;
        }

        return false;
    }

    private sealed record Held(RequestGate Gate, Held? Outer);
}
