// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>
/// The parts of one request, several under way at once. The request's buffer belongs to all of them, so whoever starts
/// parts waits for all, by <see cref="EndAsync"/> or after a failure by <see cref="SettleAsync"/>.
/// </summary>
internal struct RequestParts
{
    private const int MaxInFlight = 8;

    private Queue<Task>? _running;

    /// <summary>Takes a part that has begun. The result completes when there is room for the next one.</summary>
    public ValueTask AddAsync(ValueTask part, bool isLast)
    {
        // The last or only one is waited for as it is; one that has ended needs no place.
        if (part.IsCompleted || (isLast && _running is null)) return part;
        (_running ??= new Queue<Task>()).Enqueue(part.AsTask());
        return _running.Count < MaxInFlight ? default : new(_running.Dequeue());
    }

    public readonly ValueTask EndAsync() => _running is null ? default : new(Task.WhenAll(_running));

    public readonly async ValueTask SettleAsync()
    {
        if (_running is not null) await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
