// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Text;
using BlockHost.Block;

namespace BlockHost.Posix;

/// <summary>
/// Works with what a folder holds, by names that the kernel itself keeps inside it (openat2 with RESOLVE_BENEATH): neither "..",
/// nor a link, nor a folder that is moved meanwhile leads out.
/// </summary>
public static unsafe class FolderCalls
{
    private const int NoFollow = 0x100;
    private const nint OpenCall = 437;
    private const ulong ResolveNoMagicLinks = 0x02;
    private const ulong ResolveNoLinks = 0x04;
    private const ulong ResolveBeneath = 0x08;
    private const int MostTries = 16;
    private const int ListBufferSize = 32 << 10;
    private const int NameAt = 19;

    private static bool IsArm64 => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    /// <param name="path">Relative to the folder; "" is the folder itself.</param>
    /// <param name="followLinks">Those that lead to something inside the folder.</param>
    /// <returns>Null, and <paramref name="errno"/>.</returns>
    public static FileDescriptor? TryOpen(
        FileDescriptor folder, string path, int flags, uint mode, bool followLinks, out int errno)
    {
        var how = stackalloc ulong[3];
        how[0] = (uint)(flags | OpenFlags.CloseOnExec);
        how[1] = mode;
        how[2] = ResolveBeneath | ResolveNoMagicLinks | (followLinks ? 0 : ResolveNoLinks);
        nint fd;
        // EAGAIN: something on the way was moved meanwhile.
        var tries = 0;
        fixed (byte* name = Bytes(path))
        {
            do
            {
                fd = Libc.syscall6(OpenCall, (nuint)folder.Value, (nuint)name, (nuint)how, 3 * sizeof(ulong), 0, 0);
                errno = fd < 0 ? SystemError.Last : 0;
            }
            while (errno == Errno.EINTR || (errno == Errno.EAGAIN && ++tries < MostTries));
        }

        return fd < 0 ? null : new FileDescriptor((int)fd);
    }

    /// <param name="name">Of an entry of the folder; not a path.</param>
    /// <returns>Of the entry itself, where it is a link; null: there is none.</returns>
    public static FileStatus? TryStatus(FileDescriptor folder, string name)
    {
        FileStatus status;
        return Libc.statx(folder.Value, name, NoFollow, FileStatus.Mask, &status) < 0 ? null : status;
    }

    /// <summary>Names of the folder's entries without "." and "..", in the order of the file system.</summary>
    /// <param name="unreadable">How many names are not UTF-8, and left out.</param>
    public static List<string> List(FileDescriptor folder, out int unreadable)
    {
        var strict = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        var names = new List<string>();
        unreadable = 0;
        // From the beginning, wherever the last listing has ended.
        if (Libc.lseek(folder.Value, 0, Seek.Start) < 0)
            throw SystemError.Exception("Could not read directory", SystemError.Last);
        var buffer = new byte[ListBufferSize];
        while (Fill(folder, buffer) is var filled and > 0)
        {
            for (var rest = buffer.AsSpan(0, filled); rest.Length > NameAt; rest = rest[EntryLength(rest)..])
            {
                var name = rest[NameAt..EntryLength(rest)];
                name = name[..name.IndexOf((byte)0)];
                if (name.SequenceEqual("."u8) || name.SequenceEqual(".."u8))
                    continue;
                if (System.Text.Unicode.Utf8.IsValid(name))
                    names.Add(strict.GetString(name));
                else
                    unreadable++;
            }
        }

        return names;
    }

    /// <returns>0, or the errno.</returns>
    public static int MakeFolder(FileDescriptor folder, string name, uint mode)
    {
        fixed (byte* bytes = Bytes(name))
            return Result(Libc.syscall6(IsArm64 ? 34 : 258, (nuint)folder.Value, (nuint)bytes, mode, 0, 0, 0));
    }

    /// <summary>Takes away a file's name, or an empty folder.</summary>
    public static int Remove(FileDescriptor folder, string name, bool isFolder)
    {
        const nuint RemoveFolder = 0x200;
        fixed (byte* bytes = Bytes(name))
        {
            return Result(Libc.syscall6(
                IsArm64 ? 35 : 263, (nuint)folder.Value, (nuint)bytes, isFolder ? RemoveFolder : 0, 0, 0, 0));
        }
    }

    /// <summary>Moves an entry; what is at the new place already stays (EEXIST).</summary>
    public static int Move(FileDescriptor from, string name, FileDescriptor to, string newName)
    {
        const nuint NoReplace = 1;
        fixed (byte* old = Bytes(name))
        fixed (byte* renamed = Bytes(newName))
        {
            return Result(Libc.syscall6(
                IsArm64 ? 276 : 316, (nuint)from.Value, (nuint)old, (nuint)to.Value, (nuint)renamed, NoReplace, 0));
        }
    }

    /// <summary>Opens a folder by its path, which may lead through links.</summary>
    public static FileDescriptor? TryOpenFolder(string path, out int errno) =>
        FileDescriptor.TryOpen(path, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out errno);

    private static int Fill(FileDescriptor folder, byte[] buffer)
    {
        fixed (byte* bytes = buffer)
        {
            var filled = Libc.syscall6(
                IsArm64 ? 61 : 217, (nuint)folder.Value, (nuint)bytes, (nuint)buffer.Length, 0, 0, 0);
            if (filled < 0)
                throw SystemError.Exception("Could not read directory", SystemError.Last);
            return (int)filled;
        }
    }

    /// <summary>struct linux_dirent64: inode u64, offset u64, length u16, type u8, name.</summary>
    private static int EntryLength(ReadOnlySpan<byte> entry) => BitConverter.ToUInt16(entry[16..]);

    private static int Result(nint returned) => returned < 0 ? SystemError.Last : 0;

    /// <summary>With its end; a path that holds one already is no path.</summary>
    private static byte[] Bytes(string path)
    {
        if (path.Contains('\0'))
            throw new ArgumentException("A path holds no NUL", nameof(path));
        return Encoding.UTF8.GetBytes(path.Length == 0 ? ".\0" : path + '\0');
    }
}
