// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Conformance.Execution;

/// <summary>
/// What checks share: the subject, and a log of faults that any session may see although they belong to another check
/// (a buffer not returned, a child used after close), so that each fault is reported under its own name.
/// </summary>
internal sealed class CheckContext(BlockDriverSubject subject, ConformanceOptions options, CancellationToken cancellationToken)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, List<string>> _faults = [];
    private readonly List<MemoryChild> _closed = [];

    public BlockDriverSubject Subject { get; } = subject;

    public ConformanceOptions Options { get; } = options;

    public CancellationToken Cancellation { get; } = cancellationToken;

    /// <summary>Off while a failing sequence is being shortened.</summary>
    public bool Recording { get; set; } = true;

    public void AddFault(string checkName, string text)
    {
        lock (_lock)
        {
            if (!Recording)
                return;
            if (!_faults.TryGetValue(checkName, out var list))
                _faults.Add(checkName, list = []);
            list.Add(text);
        }
    }

    public string? FirstFault(string checkName)
    {
        lock (_lock)
            return _faults.TryGetValue(checkName, out var list)
                ? list[0] + (list.Count > 1 ? $" (and {list.Count - 1} more)" : "")
                : null;
    }

    /// <summary>Children of closed nodes are watched until the end: a late operation is a fault too.</summary>
    public void WatchClosed(IEnumerable<MemoryChild> children)
    {
        lock (_lock)
            _closed.AddRange(children);
    }

    public int OperationsAfterClose()
    {
        lock (_lock)
            return _closed.Sum(c => c.OperationsAfterClose);
    }

    /// <summary>Waits for a node's operation, within the time that one may take.</summary>
    public async Task<T> BoundedAsync<T>(Task<T> task, string what)
    {
        try
        {
            return await task.WaitAsync(Options.OperationTimeout, Cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException e) when (!task.IsCompleted)
        {
            throw new CheckFailure($"{what} did not complete within {Options.OperationTimeout.TotalSeconds:0.#} s", e);
        }
    }

    public Task BoundedAsync(Task task, string what) => BoundedAsync(AsResult(task), what);

    private static async Task<bool> AsResult(Task task)
    {
        await task.ConfigureAwait(false);
        return true;
    }
}
