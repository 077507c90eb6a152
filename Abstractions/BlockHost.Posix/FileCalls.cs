// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Posix;

/// <summary>System calls that retry on EINTR and answer an errno (0: done) instead of setting one.</summary>
public static unsafe class FileCalls
{
    public static int Fallocate(int fd, FallocateMode mode, long offset, long bytes)
    {
        int errno;
        do
        {
            errno = Libc.fallocate(fd, (int)mode, offset, bytes) < 0 ? SystemError.Last : 0;
        }
        while (errno == Errno.EINTR);
        return errno;
    }

    public static int Truncate(int fd, long length)
    {
        int errno;
        do
        {
            errno = Libc.ftruncate(fd, length) < 0 ? SystemError.Last : 0;
        }
        while (errno == Errno.EINTR);
        return errno;
    }

    public static int DataSync(int fd)
    {
        int errno;
        do
        {
            errno = Libc.fdatasync(fd) < 0 ? SystemError.Last : 0;
        }
        while (errno == Errno.EINTR);
        return errno;
    }

    /// <summary>BLKDISCARD or BLKZEROOUT.</summary>
    public static int DeviceRange(int fd, nuint request, long offset, long bytes)
    {
        var range = stackalloc long[2] { offset, bytes };
        int errno;
        do
        {
            errno = Libc.ioctl(fd, request, range) < 0 ? SystemError.Last : 0;
        }
        while (errno == Errno.EINTR);
        return errno;
    }
}
