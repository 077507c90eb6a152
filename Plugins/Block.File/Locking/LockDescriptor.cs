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
    internal static LockDescriptor? TryOpen(FileDescriptor file, string path, out int errno)
    {
        if (FileDescriptor.TryOpenAgain(file, path, OpenFlags.ReadOnly, out errno) is not { } own)
            return null;
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
