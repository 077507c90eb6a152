// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// Pinned memory, aligned to 4096 bytes, that several requests and reply segments hold at once; it goes back to its
/// pool with the last of them. Belongs to one event loop: not thread safe.
/// </summary>
internal sealed unsafe class PinnedBuffer
{
    private const int Alignment = 4096;

    private readonly BufferPool _pool;
    private readonly byte[] _array;
    private readonly int _start;
    private int _holders;

    public PinnedBuffer(BufferPool pool, int capacity)
    {
        _pool = pool;
        _array = GC.AllocateUninitializedArray<byte>(capacity + Alignment, pinned: true);
        fixed (byte* first = _array)
        {
            _start = (int)(-(nint)first & (Alignment - 1));
            Pointer = first + _start;
        }

        Capacity = capacity;
    }

    public byte* Pointer { get; }

    public int Capacity { get; }

    /// <summary>Nobody but the caller holds the buffer.</summary>
    public bool IsExclusive => _holders == 1;

    public Memory<byte> Slice(int start, int length) => _array.AsMemory(_start + start, length);

    public Span<byte> Span(int start, int length) => _array.AsSpan(_start + start, length);

    /// <summary>Gives the memory back to the system at once; the addresses stay until the collector comes to them.</summary>
    public void LoseContent() => _ = Libc.madvise(Pointer, (nuint)Capacity, Advice.DropContent);

    public PinnedBuffer Retain()
    {
        _holders++;
        return this;
    }

    public void Release()
    {
        if (--_holders == 0)
            _pool.Return(this);
    }
}
