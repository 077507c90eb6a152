// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Posix;

/// <summary>
/// An open file descriptor. A plain number, not a SafeHandle: the host makes no call on a node after it is disposed,
/// so the reference counting of every system call would buy nothing.
/// </summary>
public sealed unsafe class FileDescriptor(int value) : IDisposable
{
    private int _value = value;

    ~FileDescriptor() => Close();

    public int Value => _value;

    /// <exception cref="BlockException">"Could not open 'path': reason".</exception>
    public static FileDescriptor Open(string path, int flags, uint mode = 0)
    {
        var fd = TryOpen(path, flags, mode, out var errno);
        return fd ?? throw SystemError.Exception($"Could not open '{path}'", errno);
    }

    public static FileDescriptor? TryOpen(string path, int flags, uint mode, out int errno)
    {
        if (path.Contains('\0'))
        {
            errno = Errno.EINVAL;
            return null;
        }

        int fd;
        do
        {
            fd = Libc.open(path, flags | OpenFlags.CloseOnExec, mode);
            errno = fd < 0 ? SystemError.Last : 0;
        }
        while (errno == Errno.EINTR);
        return fd < 0 ? null : new FileDescriptor(fd);
    }

    /// <summary>
    /// A second description of the same file, whatever has become of its name; where /proc is missing, by that name.
    /// </summary>
    public static FileDescriptor? TryOpenAgain(FileDescriptor file, string path, int flags, out int errno)
    {
        var again = TryOpen($"/proc/self/fd/{file.Value}", flags, 0, out errno) ?? TryOpen(path, flags, 0, out errno);
        if (again is null || again.Status().IsSameFile(file.Status()))
            return again;
        again.Dispose();
        errno = Errno.ENOENT;
        return null;
    }

    public FileStatus Status()
    {
        const int EmptyPath = 0x1000;
        FileStatus status;
        if (Libc.statx(_value, "", EmptyPath, FileStatus.Mask, &status) < 0)
            throw SystemError.Exception("Could not stat file", SystemError.Last);
        return status;
    }

    /// <summary>Status of the file that <paramref name="path"/> leads to, or null.</summary>
    /// <param name="followLink">Of what a symbolic link at the end of the path points to, not of the link.</param>
    public static FileStatus? TryStatus(string path, bool followLink = true)
    {
        const int CurrentDirectory = -100;
        const int NoFollow = 0x100;
        if (path.Contains('\0'))
            return null;
        FileStatus status;
        return Libc.statx(CurrentDirectory, path, followLink ? 0 : NoFollow, FileStatus.Mask, &status) < 0 ? null : status;
    }

    public void Dispose()
    {
        Close();
        GC.SuppressFinalize(this);
    }

    private void Close()
    {
        var fd = Interlocked.Exchange(ref _value, -1);
        if (fd >= 0)
            _ = Libc.close(fd);
    }
}
