// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Rbd.Native;
using BlockHost.Remote;
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>
/// An open image, with a connection and a thread of its own: the thread opens it, fetches what Ceph is done with, and closes it
/// when Ceph has nothing of it any more. Where Ceph does not answer, nobody but that thread waits for it.
/// <code>
///   connect, open ─► fetch, fetch, … ─► told to end, and Ceph has nothing left ─► close
/// </code>
/// </summary>
internal sealed class ImageSession : IAsyncDisposable
{
    /// <summary>Ceph that was yanked away is not waited for any longer.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly SessionSettings _settings;
    private readonly Lifeline _lifeline;
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CompletionEvents _events = new();
    private ImageHandle? _image;
    private RequestTable? _requests;
    private ITimer? _deadlines;
    private CancellationTokenRegistration _yank;
    private int _calls;
    private volatile bool _stopping;

    private ImageSession(SessionSettings settings, Lifeline lifeline) => (_settings, _lifeline) = (settings, lifeline);

    public RequestTable Requests => _requests!;

    /// <summary>The user may not write it.</summary>
    public bool IsReadOnly { get; private set; }

    /// <summary>Bytes of an encrypted image's header, which its size does not count.</summary>
    public ulong HeaderBytes { get; private set; }

    /// <exception cref="BlockException">It cannot be opened.</exception>
    public static async ValueTask<ImageSession> OpenAsync(
        SessionSettings settings, Lifeline lifeline, CancellationToken cancellationToken)
    {
        var session = new ImageSession(settings, lifeline);
        PluginThread.Start("blockhost-rbd", session.Run);
        try
        {
            await session._opened.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            session.Abandon();
            throw;
        }

        session.Watch();
        return session;
    }

    /// <summary>Has Ceph do something for which it has no request: a thread waits for it.</summary>
    /// <param name="isPatient">It may take as long as it takes.</param>
    /// <exception cref="BlockException">It fails, or Ceph does not answer, or the node was yanked.</exception>
    public async ValueTask<T> RunAsync<T>(Func<ImageHandle, T> call, bool isPatient = false)
    {
        if (_lifeline.Token.IsCancellationRequested)
            throw _lifeline.Error("The request failed");
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Increment(ref _calls);
        PluginThread.Start("blockhost-rbd-call", () => Call(call, done));
        try
        {
            var patience = isPatient ? Timeout.InfiniteTimeSpan : Limit(_settings.Timeout);
            return await done.Task.WaitAsync(patience, _settings.Clock, _lifeline.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            Forget(done.Task);
            throw e is TimeoutException ? Late() : _lifeline.Error("The request failed");
        }
    }

    public async ValueTask DisposeAsync()
    {
        _deadlines?.Dispose();
        Abandon();
        if (!await IsClosedAsync().ConfigureAwait(false))
            RbdLog.LeftOpen(_settings.Logger);
        await _yank.DisposeAsync().ConfigureAwait(false);
    }

    private void Run()
    {
        var cluster = TryOpen();
        if (cluster is not null)
            Serve(_requests!);
        Close(cluster);
    }

    /// <returns>Null: whoever opens it has been told why not.</returns>
    private ClusterConnection? TryOpen()
    {
        ClusterConnection? cluster = null;
        try
        {
            cluster = ClusterConnection.Open(_settings.Image, _settings.Cache);
            var opened = ImageOpener.Open(cluster.Pool, _settings.Image, _settings.IsReadOnly);
            (_image, IsReadOnly, HeaderBytes) = (opened.Handle, opened.IsReadOnly, opened.HeaderBytes);
            _events.Attach(_image);
            _requests = new RequestTable(_image, _settings.Memory, _settings.Clock);
            _opened.SetResult();
            return cluster;
        }
        catch (Exception e)
        {
            _image?.Dispose();
            cluster?.Dispose();
            _opened.SetException(e);
            Forget(_opened.Task);
            return null;
        }
    }

    private void Serve(RequestTable requests)
    {
        while (!_stopping || !requests.IsQuiet || Volatile.Read(ref _calls) > 0)
        {
            _events.Wait();
            requests.Fetch();
        }
    }

    private void Close(ClusterConnection? cluster)
    {
        _image?.Dispose();
        if (_image?.CloseResult < 0)
            RbdLog.CloseFailed(_settings.Logger, ErrnoText.Of(-_image.CloseResult));
        cluster?.Dispose();
        _requests?.Dispose();
        // Ceph may write to it until now.
        _events.Dispose();
        _closed.SetResult();
    }

    private void Call<T>(Func<ImageHandle, T> call, TaskCompletionSource<T> done)
    {
        try
        {
            done.SetResult(call(_image!));
        }
        catch (Exception e)
        {
            done.SetException(e);
        }

        Interlocked.Decrement(ref _calls);
        if (_stopping)
            _events.Wake();
    }

    private void Watch()
    {
        const int looks = 10;
        _yank = _lifeline.Token.Register(
            () => Requests.GiveUp(long.MaxValue, () => _lifeline.Error("The request failed")));
        if (_settings.Timeout == TimeSpan.Zero)
            return;
        var period = _settings.Timeout / looks;
        _deadlines = _settings.Clock.CreateTimer(_ => GiveUpLate(), null, period, period);
    }

    private void GiveUpLate()
    {
        var clock = _settings.Clock;
        var oldest = clock.GetTimestamp() - (long)(_settings.Timeout.TotalSeconds * clock.TimestampFrequency);
        Requests.GiveUp(oldest, Late);
    }

    private BlockException Late() => new(
        BlockErrorKind.Io, $"Ceph has not answered for {_settings.Timeout.TotalSeconds} seconds", Errno.ETIMEDOUT);

    private void Abandon()
    {
        _stopping = true;
        _events.Wake();
    }

    private async ValueTask<bool> IsClosedAsync()
    {
        try
        {
            await _closed.Task.WaitAsync(Limit(_settings.OpenTimeout), _settings.Clock, _lifeline.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            await Task.WhenAny(_closed.Task, Task.Delay(Grace, TimeProvider.System)).ConfigureAwait(false);
        }

        return _closed.Task.IsCompleted;
    }

    private static TimeSpan Limit(TimeSpan time) => time == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : time;

    private static void Forget(Task task) => _ = task.ContinueWith(
        static failed => _ = failed.Exception,
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted,
        TaskScheduler.Default);
}

/// <summary>How an image is opened.</summary>
internal sealed record SessionSettings
{
    public required ImageSettings Image { get; init; }

    public required bool IsReadOnly { get; init; }

    /// <summary>librbd's own, which holds writes back until they are flushed.</summary>
    public required bool Cache { get; init; }

    /// <summary>After which a request without an answer fails; zero: never.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>For opening, and for closing; zero: any time.</summary>
    public required TimeSpan OpenTimeout { get; init; }

    public required MemoryBudget Memory { get; init; }

    public required TimeProvider Clock { get; init; }

    public required ILogger Logger { get; init; }
}
