// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins;

namespace BlockHost.Posix;

/// <summary>
/// An open file descriptor. A plain number, not a SafeHandle: the host makes no call on a node after it is disposed,
/// so the reference counting of every system call would buy nothing.
/// </summary>
/// <param name="value">Its number, which is closed with this.</param>
/// <param name="passed">Where it comes out of a set: what tells the set, when this is closed.</param>
public sealed unsafe class FileDescriptor(int value, PassedDescriptor? passed = null) : IDisposable
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

    /// <summary>Opens a file, or takes the descriptor that "/dev/fdset/N" stands for.</summary>
    public static FileDescriptor? TryOpen(IPassedDescriptors passed, string path, int flags, uint mode, out int errno)
    {
        if (!DescriptorSetName.IsNamed(path))
            return TryOpen(path, flags, mode, out errno);
        return passed.TryOpen(path, OpenFlags.AccessOf(flags), out errno) is { } descriptor
            ? TryTake(descriptor, flags, out errno)
            : null;
    }

    /// <summary>
    /// A second description of the same file, whatever has become of its name; where /proc is missing, by that name.
    /// </summary>
    public static FileDescriptor? TryOpenAgain(FileDescriptor file, string path, int flags, out int errno)
    {
        var again = file.TryOpenByNumber(flags, out errno) ?? file.TryOpenElsewhere(path, flags, out errno);
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

    /// <summary>The number, or one more for the same file, which is the caller's from then on; this is closed.</summary>
    public int Detach()
    {
        const int DuplicateCloseOnExec = 1030;
        var detached = passed is null
            ? Interlocked.Exchange(ref _value, -1)
            : Libc.fcntl(_value, DuplicateCloseOnExec, 0);
        Dispose();
        return detached;
    }

    public void Dispose()
    {
        Close();
        GC.SuppressFinalize(this);
    }

    /// <summary>The set that this came from goes on being in use.</summary>
    private FileDescriptor? TryOpenByNumber(int flags, out int errno)
    {
        var again = TryOpen($"/proc/self/fd/{Value}", flags, 0, out errno);
        if (again is null || passed?.TryDuplicate(out _) is not { } user)
            return again;
        GC.SuppressFinalize(again);
        return new FileDescriptor(again.Value, user);
    }

    /// <summary>
    /// Of a file that this process may use and not open: one more number for what is open, with these flags.
    /// </summary>
    private FileDescriptor? TryOpenElsewhere(string path, int flags, out int errno)
    {
        if (passed is null)
            return TryOpen(path, flags, 0, out errno);
        return passed.TryDuplicate(out errno) is { } descriptor ? TryTake(descriptor, flags, out errno) : null;
    }

    /// <summary>The flags hold for all who share what is open, so that they are touched only where they differ.</summary>
    private static FileDescriptor? TryTake(PassedDescriptor descriptor, int flags, out int errno)
    {
        errno = 0;
        var has = Libc.fcntl(descriptor.Value, OpenFlags.GetStatusFlags, 0);
        var wanted = has & ~OpenFlags.Changeable | flags & OpenFlags.Changeable;
        if (has >= 0 && (has == wanted || Libc.fcntl(descriptor.Value, OpenFlags.SetStatusFlags, wanted) == 0))
            return new FileDescriptor(descriptor.Value, descriptor);
        errno = SystemError.Last;
        descriptor.Dispose();
        return null;
    }

    private void Close()
    {
        var fd = Interlocked.Exchange(ref _value, -1);
        if (fd < 0)
            return;
        if (passed?.Value != fd)
            _ = Libc.close(fd);
        passed?.Dispose();
    }
}
