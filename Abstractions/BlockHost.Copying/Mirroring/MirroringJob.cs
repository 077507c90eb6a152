// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Plugins;

namespace BlockHost.Copying.Mirroring;

/// <summary>
/// Copies until nothing is dirty, then keeps up with what guests write until a user completes or cancels it:
/// <code>
///   guest ─► mirror_top ─► source ──marks──► dirty bitmap
///                             │                   │ next range
///                             └──── copies ◄──────┘ ────► target
///
///   RunAsync:  PrepareTargetAsync ─► mark ─► copy ⟲ ─► ready ─► copy ⟲ ─► hold guests, flush
///   Prepare:   PivotAsync (guests are held until Clean)
/// </code>
/// A range is clean from when its copy starts: what is written meanwhile makes it dirty, and it is copied again. A job type
/// derives from this, overrides the steps that it does in another way, and is started by <see cref="MirrorStart"/>.
/// </summary>
public abstract partial class MirroringJob : BackgroundJob
{
    private static readonly TimeSpan IdleTime = TimeSpan.FromMilliseconds(100);

    private readonly RangeLock _ranges = new();
    private readonly QueuePool _sourceQueues;
    private readonly QueuePool _targetQueues;
    private readonly RangeCopier _copier;
    private readonly List<Task> _copies = [];
    private readonly CopyWindow _window;
    private readonly DirtyWalk _walk;
    private readonly bool _zeroesAreFree;
    private readonly Lock _counting = new();
    private long _bytesInFlight;
    private long _buffersInFlight;
    private long _sincePause;
    private int _failure;
    private bool _ready;
    private volatile bool _completing;

    protected MirroringJob(MirrorSettings settings, IPluginHost host, MirrorNodes nodes)
    {
        Settings = settings;
        Graph = host.Graph;
        Nodes = nodes;
        _sourceQueues = new QueuePool(nodes.Source);
        _targetQueues = new QueuePool(nodes.Target);
        _window = CopyWindow.For(settings.BufferSize, settings.Granularity);
        _copier = new RangeCopier(_sourceQueues, _targetQueues, host.Buffers, settings.Unmap, _window.CopySize);
        _walk = new DirtyWalk(nodes.Dirty, _sourceQueues, nodes.Source.Length, _window.CopySize);
        _zeroesAreFree = settings.Unmap && TargetIsCheaplyZeroed();
        if (CopiesAll && nodes.Target.Length == Length)
            nodes.Job.SetRemaining(Length);
    }

    public override bool CanComplete => true;

    protected MirrorSettings Settings { get; }

    protected IBlockGraph Graph { get; }

    protected MirrorNodes Nodes { get; }

    /// <summary>The users move to the target when the job ends; else it ends with a copy of that moment.</summary>
    protected bool IsCompleting => _completing;

    private IDirtyBitmap Dirty => Nodes.Dirty;

    private long Length => Nodes.Source.Length;

    private long DirtyBytes => Math.Min(Dirty.DirtyBytes, Length);

    public override async Task RunAsync(IJobContext context, CancellationToken cancellationToken)
    {
        await PrepareTargetAsync(context, cancellationToken).ConfigureAwait(false);
        try
        {
            await MarkInitialAsync(context).ConfigureAwait(false);
            if (Settings.WriteBlocking)
                await WriteToBothAsync(context, cancellationToken).ConfigureAwait(false);
            await CopyAllAsync(context, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await Task.WhenAll(_copies).ConfigureAwait(false);
        }
    }

    /// <summary>A mirror that is ready ends well when it is cancelled softly: the target is a copy of that moment.</summary>
    public override bool Cancel(bool force, bool isReady) => force || !isReady;

    public override void Complete() => _completing = true;

    public override async ValueTask PausingAsync(CancellationToken cancellationToken) =>
        await Task.WhenAll(_copies).ConfigureAwait(false);

    /// <summary>Before anything is copied: makes sure that the target can hold the source.</summary>
    /// <exception cref="JobException">It cannot.</exception>
    protected virtual ValueTask PrepareTargetAsync(IJobContext context, CancellationToken cancellationToken) =>
        Length == Nodes.Target.Length
            ? ValueTask.CompletedTask
            : throw new JobException(Errno.EINVAL, "Source and target image have different sizes");

    private async ValueTask CopyAllAsync(IJobContext context, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            CountRemaining(context);
            if (_copies.Find(static copy => copy.IsFaulted) is { } broken)
                await broken.ConfigureAwait(false);
            _copies.RemoveAll(static copy => copy.IsCompleted);
            if (_window.HasRoom(_copies.Count, Interlocked.Read(ref _buffersInFlight))
                && await TryFindAheadAsync(context).ConfigureAwait(false))
            {
                // A pause on the way may have ended because the job is cancelled.
                cancellationToken.ThrowIfCancellationRequested();
                await CopyNextAsync(context).ConfigureAwait(false);
            }
            else if (_copies.Count > 0)
            {
                await Task.WhenAny(_copies).ConfigureAwait(false);
                await PauseAsync(context).ConfigureAwait(false);
            }
            else if (await TryEndAsync(context, cancellationToken).ConfigureAwait(false))
            {
                return;
            }
        }
    }

    /// <summary>
    /// Whether something is dirty, with the walk before it. What has failed is not tried again before a pause that it asked for.
    /// </summary>
    private async ValueTask<bool> TryFindAheadAsync(IJobContext context)
    {
        if (!_walk.IsAtEnd)
            return true;
        if (DirtyBytes == 0)
            return false;
        await PauseAsync(context).ConfigureAwait(false);
        _walk.StartOver();
        return !_walk.IsAtEnd;
    }

    private async ValueTask CopyNextAsync(IJobContext context)
    {
        if (await _walk.NextAsync().ConfigureAwait(false) is not { } piece)
            return;
        ThrowIfFailed();
        piece = InWholeClusters(piece);
        var buffer = Math.Min(piece.Bytes, _window.CopySize);
        lock (_counting)
        {
            Dirty.Reset(piece.Offset, piece.Bytes);
            _bytesInFlight += piece.Bytes;
        }

        Interlocked.Add(ref _buffersInFlight, buffer);
        _copies.Add(CopyAsync(context, piece, buffer));
        _sincePause += buffer;
        if (context.Charge(piece.IsData || !_zeroesAreFree ? piece.Bytes : 0) > TimeSpan.Zero)
            await context.ThrottleAsync(0).ConfigureAwait(false);
        else if (_sincePause >= _window.BufferSize)
            await PauseAsync(context).ConfigureAwait(false);
    }

    private DirtyPiece InWholeClusters(DirtyPiece piece)
    {
        if (Settings.BareCluster <= Settings.Granularity)
            return piece;
        var start = piece.Offset / Settings.BareCluster * Settings.BareCluster;
        var end = Math.Min(Length, (piece.End + Settings.BareCluster - 1) / Settings.BareCluster * Settings.BareCluster);
        return start == piece.Offset && end == piece.End ? piece : new DirtyPiece(start, end - start, IsData: false);
    }

    private ValueTask PauseAsync(IJobContext context)
    {
        _sincePause = 0;
        return context.PausePointAsync();
    }

    private async Task CopyAsync(IJobContext context, DirtyPiece piece, long buffer)
    {
        try
        {
            using var hold = await _ranges.EnterAsync(piece.Offset, piece.Bytes, exclusive: true).ConfigureAwait(false);
            var result = piece.IsData
                ? await _copier.CopyDataAsync(piece.Offset, piece.Bytes).ConfigureAwait(false)
                : await _copier.CopyAsync(piece.Offset, piece.Bytes).ConfigureAwait(false);
            // Before the range is dirty again: nobody tries it once more while the job has yet to fail or to pause.
            if (!result.Status.IsOk)
                Handle(context, result);
            Settle(context, piece, result.Status.IsOk);
        }
        finally
        {
            Interlocked.Add(ref _buffersInFlight, -buffer);
        }
    }

    /// <summary>A range is counted once: under way, done, or dirty again.</summary>
    private void Settle(IJobContext context, DirtyPiece piece, bool copied)
    {
        lock (_counting)
        {
            _bytesInFlight -= piece.Bytes;
            if (copied)
                context.AddProgress(piece.Bytes);
            else
                Dirty.Set(piece.Offset, piece.Bytes);
        }
    }

    /// <exception cref="JobException">A copy has failed: what is left stays what it was then.</exception>
    private void CountRemaining(IJobContext context)
    {
        lock (_counting)
        {
            ThrowIfFailed();
            context.SetRemaining(DirtyBytes + _bytesInFlight);
        }
    }

    private void Handle(IJobContext context, CopyResult result)
    {
        var policy = result.IsRead ? Settings.OnSourceError : Settings.OnTargetError;
        if (context.HandleError(policy, result.IsRead, result.Status.Errno) == JobErrorAction.Report)
            Interlocked.CompareExchange(ref _failure, result.Status.Errno, 0);
    }

    private void ThrowIfFailed()
    {
        if (Volatile.Read(ref _failure) is not 0 and var errno)
            throw new JobException(errno);
    }
}
