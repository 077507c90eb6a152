// SPDX-License-Identifier: MIT
using System.Buffers;

namespace BlockHost.Core.Block.Checked;

/// <summary>
/// A buffer between two pages that nobody may touch:
/// <code>
///   │ guard page │ content ······ │ rest of the page │ guard page │
///                ▲ aligned        ▲ Length           ▲
/// </code>
/// </summary>
internal sealed unsafe class GuardedBuffer : MemoryManager<byte>
{
    /// <summary>Content of a new buffer: who takes it for zeroes is found out.</summary>
    private const byte Rubbish = 0xA7;

    /// <summary>Content of a returned one, for who looks at a core dump.</summary>
    private const byte Returned = 0xDE;

    private readonly CheckedBufferPool _pool;
    private readonly byte* _pages;
    private readonly nuint _room;
    private readonly int _length;
    private int _lent = 1;

    public GuardedBuffer(CheckedBufferPool pool, int length)
    {
        _pool = pool;
        _length = length;
        _room = ((nuint)Math.Max(length, 1) + (nuint)Pages.Size - 1) / (nuint)Pages.Size * (nuint)Pages.Size;
        _pages = Pages.Map(Mapped);
        Pages.Open(Content, _room);
        new Span<byte>(Content, checked((int)_room)).Fill(Rubbish);
    }

    /// <summary>Bytes of memory, guard pages included.</summary>
    public nuint Mapped => _room + (2 * (nuint)Pages.Size);

    public override Memory<byte> Memory => CreateMemory(_length);

    private byte* Content => _pages + Pages.Size;

    public override Span<byte> GetSpan() => new(Content, _length);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
        return new MemoryHandle(Content + elementIndex, default, this);
    }

    public override void Unpin()
    {
    }

    /// <summary>The memory goes back to the kernel: nothing may hold the buffer any more.</summary>
    public void Free() => Pages.Unmap(_pages, Mapped);

    protected override void Dispose(bool disposing)
    {
        if (Interlocked.Exchange(ref _lent, 0) == 0)
            return;
        if (new Span<byte>(Content + _length, (int)_room - _length).ContainsAnyExcept(Rubbish))
            _pool.Misused($"A buffer of {_length} bytes was written beyond its end");
        new Span<byte>(Content, (int)_room).Fill(Returned);
        Pages.Close(Content, _room);
        _pool.Return(this);
    }
}
