// SPDX-License-Identifier: MIT
using BlockHost.Block;
using Microsoft.Extensions.Logging;

namespace BlockHost.Remote.Transfers;

/// <summary>
/// Fetches ranges, so many at once as the settings allow, and tries again, with a <see cref="Backoff"/>, what may pass: a try
/// that brought something is followed at once by one for the rest.
/// </summary>
internal sealed class TransferRunner(
    IRemoteObject source, TransferSettings settings, Lifeline lifeline, TimeProvider clock, ILogger logger) : IByteRange
{
    private readonly SemaphoreSlim _slots = new(settings.Connections);
    private int _underWay;
    private int _isTroubled;

    public long Length => source.Length;

    /// <summary>Fetches that could begin now.</summary>
    public int Idle => Math.Max(0, settings.Connections - Volatile.Read(ref _underWay));

    public async ValueTask ReadAsync(long offset, IoSlice target, CancellationToken cancellationToken)
    {
        var transfer = new Transfer(offset, target);
        var deadline = settings.Deadline > TimeSpan.Zero
            ? new Deadline(clock, settings.Deadline, settings.DeadlineFollowsProgress)
            : null;
        for (var backoff = new Backoff(); ; backoff.Lengthen())
        {
            var left = transfer.Left;
            var fault = await TryAsync(transfer, deadline, cancellationToken).ConfigureAwait(false);
            if (fault is null)
            {
                Recovered();
                return;
            }

            if (transfer.Left < left)
                backoff.StartAgain();
            Troubled(fault);
            var isLast = deadline is null || deadline.Left <= backoff.Pause;
            if (!fault.MayPass || isLast)
                throw new BlockException(BlockErrorKind.Io, fault.Message, innerException: fault) { Offset = transfer.Offset };
            await PauseAsync(Jitter(backoff.Pause), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>One try, for what nobody waits for yet.</summary>
    public async ValueTask<bool> TryReadAsync(long offset, IoSlice target, CancellationToken cancellationToken) =>
        await TryAsync(new Transfer(offset, target), deadline: null, cancellationToken).ConfigureAwait(false) is null;

    /// <returns>What went wrong; null: all has come.</returns>
    private async ValueTask<RemoteFault?> TryAsync(Transfer transfer, Deadline? deadline, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _underWay);
        try
        {
            return _slots.Wait(0, CancellationToken.None)
                || await WaitForSlotAsync(deadline, cancellationToken).ConfigureAwait(false)
                ? await FetchAsync(transfer, deadline, cancellationToken).ConfigureAwait(false)
                : TimedOut(transfer);
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    private async ValueTask<bool> WaitForSlotAsync(Deadline? deadline, CancellationToken cancellationToken)
    {
        using var watch = new Watch(lifeline, clock, TimeSpan.Zero, deadline, cancellationToken);
        try
        {
            await _slots.WaitAsync(watch.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException)
        {
            ThrowIfEnded(cancellationToken);
            return false;
        }
    }

    /// <summary>With a slot, which it gives back.</summary>
    private async ValueTask<RemoteFault?> FetchAsync(Transfer transfer, Deadline? deadline, CancellationToken cancellationToken)
    {
        using var watch = new Watch(lifeline, clock, settings.Patience, deadline, cancellationToken);
        transfer.Watch = watch;
        try
        {
            await source.FetchAsync(transfer, watch.Token).ConfigureAwait(false);
            return null;
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            ThrowIfEnded(cancellationToken);
            return watch.IsOver ? TimedOut(transfer) : e as RemoteFault ?? new RemoteFault(e.Message, mayPass: true, e);
        }
        finally
        {
            transfer.Watch = null;
            _slots.Release();
        }
    }

    private void ThrowIfEnded(CancellationToken cancellationToken)
    {
        if (lifeline.Token.IsCancellationRequested)
            throw lifeline.Error("The request failed");
        cancellationToken.ThrowIfCancellationRequested();
    }

    private RemoteFault TimedOut(Transfer transfer) =>
        new($"Operation timed out with {transfer.Left} bytes remaining to read", mayPass: true);

    private async ValueTask PauseAsync(TimeSpan pause, CancellationToken cancellationToken)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(lifeline.Token, cancellationToken);
        try
        {
            await Task.Delay(pause, clock, linked.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            ThrowIfEnded(cancellationToken);
            throw;
        }
    }

    /// <summary>Many that failed together do not come back together.</summary>
    private static TimeSpan Jitter(TimeSpan pause) => pause * (0.75 + (Random.Shared.NextDouble() / 2));

    private void Troubled(RemoteFault fault)
    {
        if (Interlocked.Exchange(ref _isTroubled, 1) == 0)
            RemoteLog.Troubled(logger, fault.Message);
    }

    private void Recovered()
    {
        if (Volatile.Read(ref _isTroubled) != 0 && Interlocked.Exchange(ref _isTroubled, 0) != 0)
            RemoteLog.Recovered(logger);
    }
}
