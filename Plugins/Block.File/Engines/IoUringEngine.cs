// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>aio=io_uring: requests go through a ring shared with the kernel.</summary>
internal sealed unsafe class IoUringEngine : KernelEngine
{
    private const ulong StopMark = ulong.MaxValue;

    private readonly IoUring _ring;

    /// <exception cref="BlockException">The kernel has no io_uring, or refuses it here.</exception>
    internal IoUringEngine(WorkerPool workers)
        : base(workers)
    {
        // One entry more than slots, so that the mark that ends the reaper always fits.
        _ring = new IoUring(Depth * 2);
        StartReaper("blockhost-uring");
    }

    protected override int SubmitSlot(int slot, FileRequest request) => _ring.Submit(new UringSubmission
    {
        Operation = request.Operation == FileOperation.Read ? UringSubmission.ReadVector : UringSubmission.WriteVector,
        Descriptor = request.Descriptor,
        Offset = request.Offset,
        Address = (ulong)request.Vectors,
        Length = request.VectorCount,
        CallFlags = (int)request.SyncFlag,
        Data = (ulong)slot,
    });

    protected override void Reap()
    {
        while (true)
        {
            while (_ring.TryTake(out var completion))
            {
                if (completion.Data == StopMark)
                    return;
                Completed(completion.Data, completion.Result);
            }

            _ring.Wait();
        }
    }

    protected override void StopReaper()
    {
        lock (Gate)
        {
            while (_ring.Submit(new UringSubmission { Operation = UringSubmission.Nop, Data = StopMark }) != 0)
                Thread.Yield();
        }
    }

    protected override void Close() => _ring.Dispose();
}
