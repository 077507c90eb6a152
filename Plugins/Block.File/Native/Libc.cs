// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace BlockHost.Plugins.Block.File.Native;

/// <summary>
/// The Linux system calls of the driver, one to one. All return -1 and set errno on failure
/// (<see cref="Marshal.GetLastPInvokeError"/>), except <see cref="posix_fallocate"/>, which returns it.
/// </summary>
internal static unsafe partial class Libc
{
    private const string Library = "libc";

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int open(string path, int flags, uint mode);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int close(int fd);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int unlink(string path);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint preadv2(int fd, IoVec* vectors, int count, long offset, int flags);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint pwritev2(int fd, IoVec* vectors, int count, long offset, int flags);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint pread(int fd, void* buffer, nuint count, long offset);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint read(int fd, void* buffer, nuint count);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint write(int fd, void* buffer, nuint count);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int fallocate(int fd, int mode, long offset, long length);

    [LibraryImport(Library)]
    internal static partial int posix_fallocate(int fd, long offset, long length);

    [LibraryImport(Library)]
    internal static partial int posix_fadvise(int fd, long offset, long length, int advice);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int ftruncate(int fd, long length);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int fdatasync(int fd);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int fsync(int fd);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial long lseek(int fd, long offset, int whence);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statx(int directory, string path, int flags, uint mask, FileStatus* status);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int fcntl(int fd, int command, FileLock* argument);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int ioctl(int fd, nuint request, void* argument);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int eventfd(uint initial, int flags);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial void* mmap(void* address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int munmap(void* address, nuint length);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint syscall2(nint number, nuint a, nuint b);

    [LibraryImport(Library, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint syscall6(nint number, nuint a, nuint b, nuint c, nuint d, nuint e, nuint f);
}
