// SPDX-License-Identifier: MIT
using BlockHost.Posix.Loops;
using BlockHost.Virtio.Rings;

namespace BlockHost.Virtio.VhostUser;

/// <summary>One request of a ring, reused. It begins and ends on its ring's loop.</summary>
public abstract class VirtioRequest(Vring ring) : ILoopWork
{
    /// <summary>What the driver has laid out; of use until <see cref="Done"/>.</summary>
    public DescriptorChain Chain { get; } = new();

    protected Vring Ring => ring;

    /// <summary>A chain has been taken.</summary>
    public abstract void Begin();

    void ILoopWork.Run() => ring.Guarded(this, static request => request.Resume());

    /// <summary>On the loop, after <see cref="BackToLoop"/>.</summary>
    protected abstract void Resume();

    /// <summary>From any thread: has <see cref="Resume"/> called.</summary>
    protected void BackToLoop() => ring.Loop.Post(this);

    /// <param name="written">Bytes of the writable part, from its beginning on.</param>
    protected void Done(uint written) => ring.Complete(this, written);
}
