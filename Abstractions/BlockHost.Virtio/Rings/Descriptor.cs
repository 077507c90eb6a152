// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Virtio.Rings;

/// <summary>
/// A descriptor as it lies in the guest's memory, of either kind of ring:
/// <code>
///   split    │ address u64 │ length u32 │ flags u16 │ next u16  │     virtio 1.2, 2.7.5
///   packed   │ address u64 │ length u32 │ id u16    │ flags u16 │     virtio 1.2, 2.8.13
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Descriptor
{
    public const uint Size = 16;

    public ulong Address;
    public uint Length;
    public ushort Third;
    public ushort Fourth;

    public readonly DescriptorFlags SplitFlags => (DescriptorFlags)Third;

    public readonly ushort SplitNext => Fourth;

    public readonly ushort PackedId => Third;

    public readonly DescriptorFlags PackedFlags => (DescriptorFlags)Fourth;
}
