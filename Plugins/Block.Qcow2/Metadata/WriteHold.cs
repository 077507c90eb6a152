// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Qcow2.Metadata;

/// <summary>
/// Keeps changes of a part of the disk waiting while its clusters are moved. Reads go on: the old place holds the same until all
/// who know it have left. One hold at a time.
/// </summary>
/// <remarks>
/// A request counts itself in the epoch first and looks for a hold then; whoever holds announces it first and waits then until
/// every request from before has left. So each request either sees the hold or is waited for. One that sees it leaves the
/// epoch while it waits, or both would wait for each other.
/// </remarks>
internal sealed class WriteHold(RequestEpoch epoch)
{
    private static readonly TimeSpan PollDelay = TimeSpan.FromMilliseconds(1);

    private Held? _held;

    /// <summary>What to wait for before the range is changed; null: nothing.</summary>
    public Task? Conflict(long offset, long bytes) =>
        Volatile.Read(ref _held) is { } held && offset < held.End && held.Start < offset + bytes ? held.Ended.Task : null;

    /// <summary>
    /// Counts a request that changes a range, once nothing holds it. The result is for <see cref="RequestEpoch.Exit"/>.
    /// </summary>
    public async ValueTask<int> EnterAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            var token = epoch.Enter();
            if (Conflict(offset, bytes) is not { } conflict) return token;
            epoch.Exit(token);
            await conflict.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Holds a range until the result is disposed; no change of it is under way then.</summary>
    public async ValueTask<IDisposable> HoldAsync(long start, long end, CancellationToken cancellationToken)
    {
        var held = new Held(this, start, end);
        Interlocked.Exchange(ref _held, held);
        try
        {
            var until = epoch.Advances + 2;
            while (epoch.Advances < until)
            {
                if (!epoch.TryAdvance()) await Task.Delay(PollDelay, cancellationToken).ConfigureAwait(false);
            }
            return held;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    public ValueTask<IDisposable> HoldAllAsync(CancellationToken cancellationToken) =>
        HoldAsync(0, long.MaxValue, cancellationToken);

    private sealed class Held(WriteHold owner, long start, long end) : IDisposable
    {
        public long Start => start;

        public long End => end;

        public TaskCompletionSource Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Dispose()
        {
            Interlocked.CompareExchange(ref owner._held, null, this);
            Ended.TrySetResult();
        }
    }
}
