// SPDX-License-Identifier: MIT
using BlockHost.Virtio.Memory;

namespace BlockHost.Virtio.Rings;

/// <summary>A table of descriptors somewhere in the guest's memory.</summary>
internal static unsafe class IndirectTable
{
    /// <returns>The table; null: <see cref="Fault"/> says what is wrong with it.</returns>
    public static byte* Find(GuestMemory memory, in Descriptor descriptor, out uint count)
    {
        count = descriptor.Length / Descriptor.Size;
        return count is 0 or > Virtqueue.MaxSize || descriptor.Length % Descriptor.Size != 0
            ? null
            : memory.AtGuestAddress(descriptor.Address, descriptor.Length);
    }

    public static string Fault(in Descriptor descriptor) =>
        $"an indirect table of 0x{descriptor.Length:x} bytes at 0x{descriptor.Address:x}";
}
