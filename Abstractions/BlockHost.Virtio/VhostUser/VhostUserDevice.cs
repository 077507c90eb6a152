// SPDX-License-Identifier: MIT
using BlockHost.Virtio.Rings;

namespace BlockHost.Virtio.VhostUser;

/// <summary>
/// What a device is to its front-ends, one after another. Control plane; rings and requests are the data plane.
/// </summary>
public abstract class VhostUserDevice
{
    /// <summary>Features of every device.</summary>
    public const VirtioFeatures CommonFeatures = VirtioFeatures.Version1 | VirtioFeatures.IndirectDescriptors
        | VirtioFeatures.EventIndex | VirtioFeatures.PackedRing | VirtioFeatures.LogAll | VirtioFeatures.ProtocolFeatures;

    /// <summary>The device's own feature bits, and those of <see cref="CommonFeatures"/>.</summary>
    public abstract VirtioFeatures Features { get; }

    public abstract int QueueCount { get; }

    /// <summary>The configuration space; what a front-end asks for beyond it is zeroes.</summary>
    public abstract void ReadConfig(Span<byte> target);

    /// <summary>The driver has written there. False: it may not.</summary>
    public abstract bool TryWriteConfig(int offset, ReadOnlySpan<byte> value);

    /// <summary>What the driver and the device have agreed on.</summary>
    public abstract void Accept(VirtioFeatures features);

    /// <summary>Back to how it was before the first front-end came.</summary>
    public abstract void Reset();

    /// <summary>A place for one request of a ring, which is used again and again.</summary>
    public abstract VirtioRequest CreateRequest(Vring ring);

    /// <summary>The configuration space is another one: the front-end hears of it.</summary>
    public event Action? ConfigChanged;

    protected void OnConfigChanged() => ConfigChanged?.Invoke();
}
