// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Locking;

/// <summary>
/// Open-file-description locks on single bytes. They belong to the description, not to the process, so that two nodes
/// of one process exclude each other and closing an unrelated descriptor releases nothing.
/// </summary>
internal sealed unsafe class LockDescriptor(FileDescriptor file) : IDisposable
{
    internal FileDescriptor File { get; } = file;

    /// <summary>
    /// A description for the locks alone. It outlives reopens of the data path, so that no moment between two
    /// descriptions leaves the image unguarded. Null with the reason where the file system knows no such locks.
    /// </summary>
    internal static LockDescriptor? TryOpen(FileDescriptor file, string path, out int errno) =>
        FileDescriptor.TryOpenAgain(file, path, OpenFlags.ReadOnly, out errno) is { } own ? TryUse(own, out errno) : null;

    /// <summary>
    /// One more number for the description that is open: a drive that is opened twice does not let its medium go.
    /// </summary>
    internal static LockDescriptor? TryShare(FileDescriptor file, out int errno)
    {
        const int DuplicateCloseOnExec = 1030;
        var number = Libc.fcntl(file.Value, DuplicateCloseOnExec, 0);
        errno = number < 0 ? SystemError.Last : 0;
        return number < 0 ? null : TryUse(new FileDescriptor(number), out errno);
    }

    private static LockDescriptor? TryUse(FileDescriptor own, out int errno)
    {
        errno = 0;
        var probe = new FileLock { Type = LockCommand.Write, Length = 1 };
        if (Libc.fcntl(own.Value, LockCommand.OfdGetLock, &probe) == 0)
            return new LockDescriptor(own);
        errno = SystemError.Last;
        own.Dispose();
        return null;
    }

    /// <summary>Takes a shared lock on a byte; answers an errno, 0 when done.</summary>
    internal int Take(int position) => Set(position, LockCommand.Read);

    internal void Release(int position) => _ = Set(position, LockCommand.Unlock);

    /// <summary>Whether another description holds a lock on the byte; answers an errno, 0 when asked.</summary>
    internal int IsHeldElsewhere(int position, out bool held)
    {
        var probe = new FileLock { Type = LockCommand.Write, Start = position, Length = 1 };
        if (Libc.fcntl(File.Value, LockCommand.OfdGetLock, &probe) < 0)
        {
            held = false;
            return SystemError.Last;
        }

        held = probe.Type != LockCommand.Unlock;
        return 0;
    }

    public void Dispose() => File.Dispose();

    private int Set(int position, short type)
    {
        var argument = new FileLock { Type = type, Start = position, Length = 1 };
        int errno;
        do
        {
            errno = Libc.fcntl(File.Value, LockCommand.OfdSetLock, &argument) < 0 ? SystemError.Last : 0;
        }
        while (errno == Errno.EINTR);
        return errno;
    }
}
