// SPDX-License-Identifier: MIT
using BlockHost.Block.Bitmaps;
using BlockHost.Copying;
using BlockHost.Jobs;

namespace BlockHost.Plugins.Job.Backup;

internal sealed class BackupJobType : JobType
{
    public override string Name => "backup";
}

/// <summary>
/// Copies what is pending from one end of the disk to the other. What guests are about to write they copy themselves, in the
/// filter, and the job finds it done:
/// <code>
///   guest ─► copy-before-write ─► source
///                  │ first             │ the job's copies
///                  └────► target ◄─────┘
/// </code>
/// </summary>
internal sealed class BackupJob : BackgroundJob
{
    public const long LargestCopy = 1 << 20;
    private const int MaxCopies = 16;
    private const long MostMemory = 128 << 20;

    private readonly BackupRequest _request;
    private readonly BackupParts _parts;
    private readonly IJobContext _context;
    private readonly List<Task<CopyResult>> _copies = [];
    private readonly int _maxCopies;

    public BackupJob(BackupRequest request, BackupParts parts, IJobContext context)
    {
        _request = request;
        _parts = parts;
        _context = context;
        _maxCopies = (int)Math.Clamp(
            Math.Min(request.MaxWorkers ?? MaxCopies, MostMemory / parts.Copier.PieceSize), 1, MaxCopies);
        parts.Copier.Copied = context.AddProgress;
        parts.Copier.Skipped = skipped => context.AddRemaining(-skipped);
    }

    public override async Task RunAsync(IJobContext context, CancellationToken cancellationToken)
    {
        if (_request.Sync == MirrorSyncMode.None)
        {
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                await context.SleepAsync(Timeout.InfiniteTimeSpan).ConfigureAwait(false);
            }
        }

        try
        {
            if (_request.Sync == MirrorSyncMode.Top)
                await SkipUnallocatedAsync(cancellationToken).ConfigureAwait(false);
            while (await CopyOnceAsync(cancellationToken).ConfigureAwait(false) is { Status.IsOk: false } failed)
                await HandleAsync(failed, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await Task.WhenAll(_copies).ConfigureAwait(false);
        }
    }

    public override async ValueTask PausingAsync(CancellationToken cancellationToken) =>
        await Task.WhenAll(_copies).ConfigureAwait(false);

    public override ValueTask CommitAsync()
    {
        _parts.Bitmap?.Succeeded();
        return ValueTask.CompletedTask;
    }

    public override ValueTask AbortAsync()
    {
        _parts.Bitmap?.Failed(_parts.Pending);
        return ValueTask.CompletedTask;
    }

    public override async ValueTask CleanAsync()
    {
        await _context.ReleaseNodesAsync().ConfigureAwait(false);
        await _parts.RemoveAsync().ConfigureAwait(false);
        if (_parts.Bitmap is { } bitmap)
            await bitmap.CheckpointAsync().ConfigureAwait(false);
    }

    private async ValueTask SkipUnallocatedAsync(CancellationToken cancellationToken)
    {
        for (var offset = 0L; offset < _parts.Pending.Length;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            offset += await _parts.Copier.SkipUnallocatedAsync(offset).ConfigureAwait(false);
            await _context.PausePointAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Copies all that is pending, or until a copy fails; then none is under way.</summary>
    private async ValueTask<CopyResult> CopyOnceAsync(CancellationToken cancellationToken)
    {
        var failed = CopyResult.Ok;
        for (var offset = 0L; failed.Status.IsOk && _parts.Copier.TryFindPending(offset, out var range); offset = range.End)
        {
            _copies.Add(_parts.Copier.CopyAsync(range.Offset, range.Bytes).AsTask());
            await _context.ThrottleAsync(range.Bytes).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            if (_copies.Count < _maxCopies)
                continue;
            await Task.WhenAny(_copies).ConfigureAwait(false);
            failed = TakeEnded(failed);
        }

        await Task.WhenAll(_copies).ConfigureAwait(false);
        return TakeEnded(failed);
    }

    /// <returns>The first failure.</returns>
    private CopyResult TakeEnded(CopyResult failed)
    {
        foreach (var copy in _copies.Where(copy => copy.IsCompleted))
        {
            if (failed.Status.IsOk && !copy.Result.Status.IsOk)
                failed = copy.Result;
        }

        _copies.RemoveAll(copy => copy.IsCompleted);
        return failed;
    }

    /// <summary>Returns where what failed is to be tried again.</summary>
    private async ValueTask HandleAsync(CopyResult failed, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var policy = failed.IsRead ? _request.OnSourceError : _request.OnTargetError;
        if (_context.HandleError(policy, failed.IsRead, failed.Status.Errno) == JobErrorAction.Report)
            throw new JobException(failed.Status.Errno);
        await _context.PausePointAsync().ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
    }
}
