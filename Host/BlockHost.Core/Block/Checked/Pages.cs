// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Core.Block.Checked;

/// <summary>Memory by the page, straight from the kernel.</summary>
internal static unsafe class Pages
{
    private const int None = 0;
    private const int ReadWrite = 1 | 2;
    private const int Private = 2;
    private const int Anonymous = 0x20;

    public static int Size { get; } = Environment.SystemPageSize;

    /// <summary>Pages that nobody can touch until they are opened.</summary>
    /// <exception cref="OutOfMemoryException">The kernel has none.</exception>
    public static byte* Map(nuint length)
    {
        var address = Libc.mmap(null, length, None, Private | Anonymous, -1, 0);
        return (nint)address == -1 ? throw new OutOfMemoryException($"The kernel maps no {length} bytes") : (byte*)address;
    }

    /// <summary>Lets the pages be read and written.</summary>
    public static void Open(byte* address, nuint length) => Protect(address, length, ReadWrite);

    /// <summary>From now on who touches the pages ends the process; a system call that does is refused (EFAULT).</summary>
    public static void Close(byte* address, nuint length) => Protect(address, length, None);

    public static void Unmap(byte* address, nuint length) => _ = Libc.munmap(address, length);

    private static void Protect(byte* address, nuint length, int protection)
    {
        if (Libc.mprotect(address, length, protection) != 0)
            throw new OutOfMemoryException($"The kernel does not change the protection of {length} bytes");
    }
}
