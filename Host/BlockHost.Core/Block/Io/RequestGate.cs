// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Block.Io;

/// <summary>Keeps a driver's promise of concurrency for one node: how many of its operations may be under way at once.</summary>
internal sealed class RequestGate
{
    private readonly SemaphoreSlim? _node;
    private readonly DriverGate? _driver;

    private RequestGate(SemaphoreSlim? node, DriverGate? driver)
    {
        _node = node;
        _driver = driver;
    }

    public static RequestGate Unlimited { get; } = new(node: null, driver: null);

    public bool IsUnlimited => _node is null;

    public static RequestGate OneAtATime(DriverGate? driver) => new(new SemaphoreSlim(1), driver);

    /// <summary>Runs one operation of the driver when it is its turn.</summary>
    public async ValueTask RunAsync<TState>(TState state, Func<TState, ValueTask> operation, CancellationToken cancellationToken)
    {
        if (_node is null)
        {
            await operation(state).ConfigureAwait(false);
            return;
        }

        using var entered = _driver is null ? null : await _driver.EnterAsync(cancellationToken).ConfigureAwait(false);
        entered?.Hold();
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
}
