// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Rbd.Native;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>
/// All requests of one image: those that Ceph has, by the number that its completions carry, and idle ones for the next.
/// <code>
///   caller ─► copy into a buffer ─► rbd_aio_…(number) ─► Ceph ─► eventfd ─► the image's thread ─► copy out, caller goes on
/// </code>
/// Data is copied, so that a caller can be let go of at any time. Nothing is allocated in the steady state.
/// </summary>
internal sealed unsafe class RequestTable(ImageHandle image, MemoryBudget memory, TimeProvider clock) : IDisposable
{
    private const int FetchedAtOnce = 64;

    private readonly Lock _lock = new();
    private readonly List<ImageRequest> _all = [];
    private readonly Stack<ImageRequest> _idle = new();
    private int _underWay;

    public RequestBuffers Buffers { get; } = new(memory);

    /// <summary>Ceph has nothing of the image's any more.</summary>
    public bool IsQuiet => Volatile.Read(ref _underWay) == 0;

    public ValueTask ReadAsync(long offset, IoSlice target)
    {
        var request = Begin(offset, (int)target.Length, target);
        var task = request.Task;
        Submit(request, Completion(request, out var completion) ?? Librbd.rbd_aio_read(
            image, (ulong)offset, (nuint)target.Length, request.Data, completion), completion);
        return task;
    }

    public ValueTask WriteAsync(long offset, IoSlice source)
    {
        var request = Begin(offset, (int)source.Length, target: default);
        source.CopyTo(new Span<byte>(request.Data, (int)source.Length));
        var task = request.Task;
        Submit(request, Completion(request, out var completion) ?? Librbd.rbd_aio_write(
            image, (ulong)offset, (nuint)source.Length, request.Data, completion), completion);
        return task;
    }

    /// <param name="mayUnmap">The zeroes need not be written.</param>
    public ValueTask WriteZeroesAsync(long offset, long bytes, bool mayUnmap)
    {
        var request = Begin(offset, bytes: 0, target: default);
        var task = request.Task;
        Submit(request, Completion(request, out var completion) ?? Librbd.rbd_aio_write_zeroes(
            image, (ulong)offset, (nuint)bytes, completion, mayUnmap ? 0 : Librbd.ThickProvision, 0), completion);
        return task;
    }

    public ValueTask DiscardAsync(long offset, long bytes)
    {
        var request = Begin(offset, bytes: 0, target: default);
        var task = request.Task;
        Submit(request, Completion(request, out var completion) ?? Librbd.rbd_aio_discard(
            image, (ulong)offset, (ulong)bytes, completion), completion);
        return task;
    }

    public ValueTask FlushAsync()
    {
        var request = Begin(offset: 0, bytes: 0, target: default);
        var task = request.Task;
        Submit(request, Completion(request, out var completion) ?? Librbd.rbd_aio_flush(image, completion), completion);
        return task;
    }

    /// <summary>Completes what Ceph is done with. By the image's thread alone.</summary>
    public void Fetch()
    {
        var completions = stackalloc nint[FetchedAtOnce];
        int count;
        while ((count = Librbd.rbd_poll_io_events(image, completions, FetchedAtOnce)) > 0)
        {
            for (var i = 0; i < count; i++)
            {
                var result = Librbd.rbd_aio_get_return_value(completions[i]);
                var slot = (int)Librbd.rbd_aio_get_arg(completions[i]);
                Librbd.rbd_aio_release(completions[i]);
                Find(slot).Complete(result);
            }
        }
    }

    /// <summary>The image is closed.</summary>
    public void Dispose() => Buffers.Dispose();

    /// <summary>Whoever waits for a request that began before a time waits no longer.</summary>
    public void GiveUp(long before, Func<BlockException> reason)
    {
        ImageRequest[] all;
        lock (_lock)
            all = [.. _all];
        foreach (var request in all)
            request.GiveUp(before, reason);
    }

    /// <summary>Nobody holds it any more.</summary>
    public void Return(ImageRequest request)
    {
        lock (_lock)
            _idle.Push(request);
    }

    /// <summary>Before the last of whoever holds it lets go.</summary>
    public void CephIsDone() => Interlocked.Decrement(ref _underWay);

    private ImageRequest Begin(long offset, int bytes, IoSlice target)
    {
        ImageRequest? request;
        lock (_lock)
        {
            if (!_idle.TryPop(out request))
                _all.Add(request = new ImageRequest(this, _all.Count));
        }

        Interlocked.Increment(ref _underWay);
        request.Begin(clock.GetTimestamp(), offset, bytes, target);
        return request;
    }

    private ImageRequest Find(int slot)
    {
        lock (_lock)
            return _all[slot];
    }

    /// <returns>Null: it is there; else an errno value.</returns>
    private static int? Completion(ImageRequest request, out nint completion)
    {
        var result = Librbd.rbd_aio_create_completion(request.Slot, callback: 0, out completion);
        if (result >= 0)
            return null;
        completion = 0;
        return result;
    }

    /// <summary>What Ceph does not take is over at once.</summary>
    private static void Submit(ImageRequest request, int result, nint completion)
    {
        if (result >= 0)
            return;
        if (completion != 0)
            Librbd.rbd_aio_release(completion);
        request.Complete(result);
    }
}
