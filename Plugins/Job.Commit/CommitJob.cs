// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Copying;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Commit;

/// <summary>
/// Copies what the images hold into the base, from the start of the disk to its end. Some copies are under way at a time; they
/// count, and fail, in the order of the disk, so progress always says up to where all is done:
/// <code>
///   |── done ──|─ copy ─|─ copy ─|─ copy ─|── to do ──|
///              └ oldest           newest ┘
/// </code>
/// </summary>
internal sealed partial class CommitJob : BackgroundJob
{
    private const int Chunk = 512 << 10;
    private const int MaxCopies = 8;
    private static readonly TimeSpan RetryTime = TimeSpan.FromMilliseconds(100);

    private readonly IPluginHost _host;
    private readonly IJobContext _context;
    private readonly CommitChain _chain;
    private readonly CommitRequest _request;
    private readonly CommitNodes _nodes;
    private readonly QueuePool _source;
    private readonly QueuePool _target;
    private readonly RangeCopier _copier;
    private readonly Queue<Copy> _copies = new();

    public CommitJob(IPluginHost host, IJobContext context, CommitChain chain, CommitRequest request, CommitNodes nodes)
    {
        (_host, _context, _chain, _request, _nodes) = (host, context, chain, request, nodes);
        _source = new QueuePool(nodes.Source);
        _target = new QueuePool(nodes.Target);
        _copier = new RangeCopier(_source, _target, host.Buffers, unmap: true);
    }

    public override async Task RunAsync(IJobContext context, CancellationToken cancellationToken)
    {
        var length = _nodes.Source.Length;
        context.SetRemaining(length);
        if (_nodes.Target.Length < length)
            await BaseGrowth.GrowAsync(context, _nodes.Target, length, cancellationToken).ConfigureAwait(false);
        try
        {
            for (var offset = 0L; offset < length;)
                offset += await StepAsync(offset, length, cancellationToken).ConfigureAwait(false);
            await FinishAllAsync(cancellationToken).ConfigureAwait(false);
            await ZeroAfterEndAsync(length, cancellationToken).ConfigureAwait(false);
            await FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await WhenIdle().ConfigureAwait(false);
        }
    }

    public override async ValueTask PausingAsync(CancellationToken cancellationToken)
    {
        await WhenIdle().ConfigureAwait(false);
        while (_copies.TryPeek(out var copy) && copy.Task.Result.Status.IsOk)
            CountOldest();
    }

    /// <returns>Bytes dealt with or begun: none where the same is to be tried again.</returns>
    private async ValueTask<long> StepAsync(long offset, long length, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var run = await GetStatusAsync(offset, length - offset).ConfigureAwait(false);
        if (!run.Status.IsOk)
        {
            await FinishAllAsync(cancellationToken).ConfigureAwait(false);
            await HandleAsync(new(run.Status, IsRead: true), cancellationToken).ConfigureAwait(false);
            return 0;
        }

        while (_copies.TryPeek(out var oldest) && (_copies.Count >= MaxCopies || oldest.Task.IsCompleted))
            await FinishOldestAsync(cancellationToken).ConfigureAwait(false);
        if (run.Depth >= _chain.Depths)
        {
            await SkipAsync(run.Bytes).ConfigureAwait(false);
            return run.Bytes;
        }

        var bytes = Math.Min(run.Bytes, Chunk);
        _copies.Enqueue(new Copy(offset, bytes, _copier.CopyAsync(offset, bytes).AsTask()));
        // What is slow shows all of its progress.
        if (_context.Charge(bytes) > TimeSpan.Zero)
            await FinishAllAsync(cancellationToken).ConfigureAwait(false);
        await _context.ThrottleAsync(0).ConfigureAwait(false);
        return bytes;
    }

    private async ValueTask<ChainStatus> GetStatusAsync(long offset, long bytes)
    {
        using var source = _source.Rent();
        return await source.Queue.GetStatusAsync(offset, bytes, StatusPrecision.AllocationOnly).ConfigureAwait(false);
    }

    private ValueTask SkipAsync(long bytes)
    {
        _copies.Enqueue(new Copy(0, bytes, Task.FromResult(CopyResult.Ok)));
        return _context.PausePointAsync();
    }

    private async ValueTask FinishAllAsync(CancellationToken cancellationToken)
    {
        while (_copies.Count > 0)
            await FinishOldestAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask FinishOldestAsync(CancellationToken cancellationToken)
    {
        var copy = _copies.Peek();
        var result = await copy.Task.ConfigureAwait(false);
        while (!result.Status.IsOk)
        {
            await HandleAsync(result, cancellationToken).ConfigureAwait(false);
            result = await _copier.CopyAsync(copy.Offset, copy.Bytes).ConfigureAwait(false);
        }

        CountOldest();
    }

    private void CountOldest() => _context.AddProgress(_copies.Dequeue().Bytes);

    /// <summary>
    /// Returns when the same is to be tried again: an image whose data did not arrive in the base cannot be left out of the
    /// chain.
    /// </summary>
    private async ValueTask HandleAsync(CopyResult result, CancellationToken cancellationToken)
    {
        var action = _context.HandleError(_request.OnError, result.IsRead, result.Status.Errno);
        if (action == JobErrorAction.Report)
            throw new JobException(result.Status.Errno);
        if (action == JobErrorAction.Ignore)
            await _context.SleepAsync(RetryTime).ConfigureAwait(false);
        else
            await _context.PausePointAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>
    /// An overlay that is longer than the top image reads zeroes after its end, and must not see what a longer base holds there.
    /// </summary>
    private async ValueTask ZeroAfterEndAsync(long length, CancellationToken cancellationToken)
    {
        const long piece = 1 << 30;
        var end = Math.Min(
            _nodes.Target.Length,
            CommitChain.OverlaysOf(_nodes.Filter).Select(overlay => overlay.Length).DefaultIfEmpty(0).Max());
        using var target = _target.Rent();
        for (var offset = length; offset < end;)
        {
            var bytes = Math.Min(piece, end - offset);
            var status = await target.Queue.WriteZeroesAsync(
                offset, bytes, ZeroFlags.MayUnmap, cancellationToken).ConfigureAwait(false);
            if (!status.IsOk)
                await HandleAsync(new(status, IsRead: false), cancellationToken).ConfigureAwait(false);
            else
                offset += bytes;
            await _context.PausePointAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The base holds all of it for good before any overlay says that it does.</summary>
    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        using var target = _target.Rent();
        while (await target.Queue.FlushAsync(cancellationToken).ConfigureAwait(false) is { IsOk: false } failed)
            await HandleAsync(new(failed, IsRead: false), cancellationToken).ConfigureAwait(false);
    }

    private Task WhenIdle() => Task.WhenAll(_copies.Select(copy => copy.Task));

    private readonly record struct Copy(long Offset, long Bytes, Task<CopyResult> Task);
}
