// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Posix;

/// <summary>A part of a file, or of memory that has a descriptor, in this process's memory; shared with all who map it.</summary>
public sealed unsafe class MemoryMapping : IDisposable
{
    private const int ReadOnly = 1;
    private const int ReadWrite = 3;
    private const int Shared = 1;

    private void* _start;

    private MemoryMapping(void* start, nuint length)
    {
        _start = start;
        Length = length;
    }

    ~MemoryMapping() => Unmap();

    public nuint Length { get; }

    /// <summary>The mapping's first byte; of use until it is disposed.</summary>
    public byte* Start => (byte*)_start;

    /// <param name="offset">A multiple of the page size.</param>
    /// <exception cref="BlockException">"Could not map memory: reason".</exception>
    public static MemoryMapping Of(int descriptor, long offset, nuint length, bool writable)
    {
        var start = Libc.mmap(null, length, writable ? ReadWrite : ReadOnly, Shared, descriptor, offset);
        return (nint)start == -1
            ? throw SystemError.Exception("Could not map memory", SystemError.Last)
            : new MemoryMapping(start, length);
    }

    public void Dispose()
    {
        Unmap();
        GC.SuppressFinalize(this);
    }

    private void Unmap()
    {
        if (_start != null)
            _ = Libc.munmap(_start, Length);
        _start = null;
    }
}
