// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Jobs;
using BlockHost.Copying;
using BlockHost.Plugins.Job.Mirror.Filter;

namespace BlockHost.Plugins.Job.Mirror;

internal sealed class MirrorJobType : JobType
{
    public override string Name => "mirror";
}

/// <summary>
/// Copies until nothing is dirty, then keeps up with what guests write until a user completes or cancels it:
/// <code>
///   guest ─► mirror_top ─► source ──marks──► dirty bitmap
///                             │                   │ next range
///                             └──── copies ◄──────┘ ────► target
/// </code>
/// A range is clean from when its copy starts: what is written meanwhile makes it dirty, and it is copied again.
/// </summary>
internal sealed partial class MirrorJob : BackgroundJob
{
    private const int MaxCopies = 16;
    private const long LargestCopy = 1 << 20;
    private static readonly TimeSpan IdleTime = TimeSpan.FromMilliseconds(100);

    private readonly MirrorSettings _settings;
    private readonly IBlockGraph _graph;
    private readonly MirrorNodes _nodes;
    private readonly IDirtyBitmap _dirty;
    private readonly RangeLock _ranges = new();
    private readonly QueuePool _sourceQueues;
    private readonly QueuePool _targetQueues;
    private readonly RangeCopier _copier;
    private readonly List<Task> _copies = [];
    private readonly long _copySize;
    private readonly int _maxCopies;
    private long _cursor;
    private long _bytesInFlight;
    private int _failure;
    private bool _ready;
    private volatile bool _completing;

    public MirrorJob(MirrorSettings settings, IPluginHost host, MirrorNodes nodes)
    {
        _settings = settings;
        _graph = host.Graph;
        _nodes = nodes;
        _dirty = nodes.Dirty;
        _sourceQueues = new QueuePool(nodes.Source);
        _targetQueues = new QueuePool(nodes.Target);
        _copier = new RangeCopier(_sourceQueues, _targetQueues, host.Buffers, settings.Unmap);
        var wanted = Math.Clamp(settings.BufferSize / MaxCopies, settings.Granularity, Math.Max(LargestCopy, settings.Granularity));
        _copySize = wanted / settings.Granularity * settings.Granularity;
        _maxCopies = (int)Math.Clamp(settings.BufferSize / _copySize, 1, MaxCopies);
    }

    public override bool CanComplete => true;

    private long Length => _nodes.Source.Length;

    public override async Task RunAsync(IJobContext context, CancellationToken cancellationToken)
    {
        if (Length != _nodes.Target.Length)
            throw new JobException(Errno.EINVAL, "Source and target image have different sizes");
        try
        {
            await MarkInitialAsync(context, cancellationToken).ConfigureAwait(false);
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

    public override async ValueTask PausingAsync(CancellationToken cancellationToken) => await Task.WhenAll(_copies).ConfigureAwait(false);

    private async ValueTask CopyAllAsync(IJobContext context, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ThrowIfFailed();
            _copies.RemoveAll(copy => copy.IsCompleted);
            context.SetRemaining(DirtyBytes + Interlocked.Read(ref _bytesInFlight));
            if (_copies.Count < _maxCopies && TryNext(out var range))
            {
                Start(context, range);
                await context.ThrottleAsync(range.Bytes).ConfigureAwait(false);
            }
            else if (_copies.Count > 0)
            {
                await Task.WhenAny(_copies).ConfigureAwait(false);
                await context.PausePointAsync().ConfigureAwait(false);
            }
            else if (await TryEndAsync(context, cancellationToken).ConfigureAwait(false))
            {
                return;
            }
        }
    }

    /// <summary>Nothing is dirty nor in flight: reports that once, and ends or waits for more to do.</summary>
    private async ValueTask<bool> TryEndAsync(IJobContext context, CancellationToken cancellationToken)
    {
        if (!_ready)
        {
            if (!await TryFlushAsync(context).ConfigureAwait(false))
                return false;
            _ready = true;
            context.SetReady();
        }

        if (!_completing && !context.IsCancelRequested)
        {
            await context.SleepAsync(IdleTime).ConfigureAwait(false);
            return false;
        }

        return await TryStopGuestsAsync(context, cancellationToken).ConfigureAwait(false) && await TryFlushAsync(context).ConfigureAwait(false);
    }

    private async ValueTask<bool> TryFlushAsync(IJobContext context)
    {
        using var target = _targetQueues.Rent();
        var status = await target.Queue.FlushAsync().ConfigureAwait(false);
        if (status.IsOk)
            return true;
        Handle(context, new(status, IsRead: false));
        await context.PausePointAsync().ConfigureAwait(false);
        return false;
    }

    private void Start(IJobContext context, DirtyRange range)
    {
        _dirty.Reset(range.Offset, range.Bytes);
        _cursor = range.End;
        Interlocked.Add(ref _bytesInFlight, range.Bytes);
        _copies.Add(CopyAsync(context, range));
    }

    private async Task CopyAsync(IJobContext context, DirtyRange range)
    {
        try
        {
            using var hold = await _ranges.EnterAsync(range.Offset, range.Bytes, exclusive: true).ConfigureAwait(false);
            var result = await _copier.CopyAsync(range.Offset, range.Bytes).ConfigureAwait(false);
            if (result.Status.IsOk)
            {
                context.AddProgress(range.Bytes);
                return;
            }

            _dirty.Set(range.Offset, range.Bytes);
            Handle(context, result);
        }
        finally
        {
            Interlocked.Add(ref _bytesInFlight, -range.Bytes);
        }
    }

    private void Handle(IJobContext context, CopyResult result)
    {
        var policy = result.IsRead ? _settings.OnSourceError : _settings.OnTargetError;
        if (context.HandleError(policy, result.IsRead, result.Status.Errno) == JobErrorAction.Report)
            Interlocked.CompareExchange(ref _failure, result.Status.Errno, 0);
    }

    private void ThrowIfFailed()
    {
        if (Volatile.Read(ref _failure) is not 0 and var errno)
            throw new JobException(errno);
    }

    private long DirtyBytes => Math.Min(_dirty.DirtyBytes, Length);

    /// <summary>The next dirty range, in the order of the disk, around its end.</summary>
    private bool TryNext(out DirtyRange range) =>
        _dirty.TryFindDirty(_cursor, Length, _copySize, out range) || _dirty.TryFindDirty(0, Length, _copySize, out range);
}
