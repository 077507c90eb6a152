// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Posix;

/// <summary>Memory, and calls that the C library does not wrap.</summary>
public static unsafe partial class Libc
{
    public const uint MFD_CLOEXEC = 1;
    public const uint MFD_ALLOW_SEALING = 2;
    public const int F_ADD_SEALS = 1033;
    public const int F_SEAL_SEAL = 1;
    public const int F_SEAL_SHRINK = 2;
    public const int F_SEAL_GROW = 4;

    /// <summary>Memory that has a descriptor and no name in any folder.</summary>
    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int memfd_create(string name, uint flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial void* mmap(void* address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int mprotect(void* address, nuint length, int protection);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int munmap(void* address, nuint length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int madvise(void* address, nuint length, int advice);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint syscall2(nint number, nuint a, nuint b);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    public static partial nint syscall6(nint number, nuint a, nuint b, nuint c, nuint d, nuint e, nuint f);
}
