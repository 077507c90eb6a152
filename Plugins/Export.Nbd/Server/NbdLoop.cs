// SPDX-License-Identifier: MIT
using BlockHost.Objects;
using BlockHost.Posix.Loops;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>An event loop with the buffers of its clients.</summary>
internal sealed class NbdLoop : EventLoop
{
    public NbdLoop(LoopCpus cpus, string name, TimeProvider clock, MemoryBudget memory, IIoThread? thread)
        : base(cpus, name, thread) =>
        Buffers = new BufferPool(memory, new IdleTrim(this, clock));

    public BufferPool Buffers { get; }

    protected override void OnEnd() => Buffers.Dispose();
}
