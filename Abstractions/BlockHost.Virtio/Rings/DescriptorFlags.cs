// SPDX-License-Identifier: MIT
namespace BlockHost.Virtio.Rings;

/// <summary>Flags of a descriptor (virtio 1.2, 2.7.5 and 2.8.13).</summary>
[Flags]
internal enum DescriptorFlags : ushort
{
    None = 0,

    /// <summary>Another descriptor of the same chain follows.</summary>
    Next = 1,

    /// <summary>The device writes there; else it reads.</summary>
    Write = 2,

    /// <summary>There lies a table of descriptors.</summary>
    Indirect = 4,

    /// <summary>Packed rings: equal to the driver's wrap counter where the descriptor has been made available.</summary>
    Available = 1 << 7,

    /// <summary>Packed rings: equal to the device's wrap counter where the descriptor has been used.</summary>
    Used = 1 << 15,
}
