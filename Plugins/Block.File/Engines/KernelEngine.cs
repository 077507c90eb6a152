// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>
/// Common part of the engines that hand requests to the kernel and reap completions on a thread of their own. What
/// does not fit (a full queue, the rest of a short transfer) is done by a worker thread.
/// </summary>
internal abstract class KernelEngine : IFileEngine
{
    /// <summary>Requests in the kernel at once.</summary>
    protected const int Depth = 128;

    private readonly WorkerPool _workers;
    private readonly SlotTable _slots = new(Depth);
    private readonly TaskCompletionSource _reaperEnded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    protected KernelEngine(WorkerPool workers) => _workers = workers;

    /// <summary>Guards the slots and the submission side.</summary>
    protected Lock Gate { get; } = new();

    public void Submit(FileRequest request)
    {
        int errno;
        lock (Gate)
        {
            if (!_slots.TryAdd(request, out var slot))
            {
                errno = Errno.EAGAIN;
            }
            else
            {
                errno = SubmitSlot(slot, request);
                if (errno != 0)
                    _slots.Remove((ulong)slot);
            }
        }

        if (errno != 0)
            _workers.Enqueue(request);
    }

    public async ValueTask DisposeAsync()
    {
        StopReaper();
        await _reaperEnded.Task.ConfigureAwait(false);
        Close();
    }

    /// <summary>
    /// Hands a request to the kernel; called with <see cref="Gate"/> held. Answers an errno, 0 when the kernel has it.
    /// </summary>
    protected abstract int SubmitSlot(int slot, FileRequest request);

    /// <summary>Waits for completions and calls <see cref="Completed"/> for each, until <see cref="StopReaper"/>.</summary>
    protected abstract void Reap();

    protected abstract void StopReaper();

    protected abstract void Close();

    protected void StartReaper(string name) => PluginThread.Start(name, RunReaper);

    protected void Completed(ulong slot, long result)
    {
        FileRequest? request;
        lock (Gate)
            request = _slots.Remove(slot);
        if (request is null)
            return;
        if (result is -Errno.EAGAIN or -Errno.EINTR or -Errno.ECANCELED || !request.Account((nint)result, out var errno))
            _workers.Enqueue(request);
        else
            request.Complete(errno, continueElsewhere: true);
    }

    private void RunReaper()
    {
        Reap();
        _reaperEnded.SetResult();
    }
}
