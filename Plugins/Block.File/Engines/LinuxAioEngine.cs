// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>aio=native: Linux AIO, which is asynchronous only for O_DIRECT. Completions are announced on an eventfd.</summary>
internal sealed unsafe class LinuxAioEngine : KernelEngine
{
    private const int EventBatch = 32;

    private readonly nuint _context;
    private readonly int _eventFd;
    private volatile bool _stopping;

    /// <exception cref="BlockException">The kernel refuses another AIO context.</exception>
    internal LinuxAioEngine(WorkerPool workers)
        : base(workers)
    {
        const int CloseOnExec = OpenFlags.CloseOnExec;
        nuint context = 0;
        if (LinuxAio.Setup(Depth, &context) < 0)
            throw SystemError.Exception("Unable to use native AIO: failed to create linux AIO context", SystemError.Last);
        _context = context;
        _eventFd = Libc.eventfd(0, CloseOnExec);
        if (_eventFd < 0)
        {
            var errno = SystemError.Last;
            _ = LinuxAio.Destroy(context);
            throw SystemError.Exception("Unable to use native AIO: failed to create event notifier", errno);
        }

        StartReaper("blockhost-aio");
    }

    protected override int SubmitSlot(int slot, FileRequest request)
    {
        // The kernel copies the control block during the call.
        var block = new AioControlBlock
        {
            Data = (ulong)slot,
            CallFlags = (int)request.SyncFlag,
            Operation = request.Operation == FileOperation.Read ? AioControlBlock.ReadVector : AioControlBlock.WriteVector,
            Descriptor = request.Descriptor,
            Vectors = (ulong)request.Vectors,
            VectorCount = (ulong)request.VectorCount,
            Offset = request.Offset,
            Flags = AioControlBlock.NotifyEventFd,
            EventFd = _eventFd,
        };
        return LinuxAio.Submit(_context, &block) == 1 ? 0 : SystemError.Last;
    }

    protected override void Reap()
    {
        var events = stackalloc AioEvent[EventBatch];
        while (true)
        {
            ulong count;
            _ = Libc.read(_eventFd, &count, sizeof(ulong));
            Drain(events);
            if (_stopping)
                return;
        }
    }

    protected override void StopReaper()
    {
        _stopping = true;
        ulong one = 1;
        _ = Libc.write(_eventFd, &one, sizeof(ulong));
    }

    protected override void Close()
    {
        _ = LinuxAio.Destroy(_context);
        _ = Libc.close(_eventFd);
    }

    private void Drain(AioEvent* events)
    {
        nint n;
        while ((n = LinuxAio.GetEvents(_context, events, EventBatch)) > 0)
        {
            for (var i = 0; i < n; i++)
                Completed(events[i].Data, events[i].Result);
        }
    }
}
