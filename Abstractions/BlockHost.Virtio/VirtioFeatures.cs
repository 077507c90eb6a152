// SPDX-License-Identifier: MIT
namespace BlockHost.Virtio;

/// <summary>Feature bits that do not depend on the kind of device (virtio 1.2, section 6; vhost-user).</summary>
[Flags]
public enum VirtioFeatures : ulong
{
    None = 0,

    /// <summary>VHOST_F_LOG_ALL: what is written into the guest's memory is logged.</summary>
    LogAll = 1UL << 26,

    /// <summary>VIRTIO_RING_F_INDIRECT_DESC.</summary>
    IndirectDescriptors = 1UL << 28,

    /// <summary>VIRTIO_RING_F_EVENT_IDX.</summary>
    EventIndex = 1UL << 29,

    /// <summary>VHOST_USER_F_PROTOCOL_FEATURES; no device's own.</summary>
    ProtocolFeatures = 1UL << 30,

    /// <summary>VIRTIO_F_VERSION_1.</summary>
    Version1 = 1UL << 32,

    /// <summary>VIRTIO_F_RING_PACKED.</summary>
    PackedRing = 1UL << 34,
}
