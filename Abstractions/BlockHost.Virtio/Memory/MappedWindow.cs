// SPDX-License-Identifier: MIT
using System.Buffers;

namespace BlockHost.Virtio.Memory;

/// <summary>Mapped memory as a <see cref="Memory{T}"/>, which cannot be longer than 2 GiB; it never moves.</summary>
/// <remarks>Whoever has one of its slices holds the <see cref="GuestMemory"/> that it is of.</remarks>
internal sealed unsafe class MappedWindow(byte* start, int length) : MemoryManager<byte>
{
    public Memory<byte> Slice(int offset, int bytes) => CreateMemory(length)[offset..(offset + bytes)];

    public override Span<byte> GetSpan() => new(start, length);

    public override MemoryHandle Pin(int elementIndex = 0) => new(start + elementIndex, default, this);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
