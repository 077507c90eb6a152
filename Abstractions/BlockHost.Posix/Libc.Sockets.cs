// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Posix;

/// <summary>Sockets.</summary>
public static unsafe partial class Libc
{
    public const int AF_UNIX = 1;

    public const int SOCK_STREAM = 1;
    public const int SOCK_NONBLOCK = 0x800;
    public const int SOCK_CLOEXEC = 0x80000;

    public const int MSG_CTRUNC = 8;
    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;
    public const int MSG_CMSG_CLOEXEC = 0x40000000;

    public const int SOL_SOCKET = 1;
    public const int SO_SNDBUF = 7;
    public const int SO_RCVBUF = 8;
    public const int SCM_RIGHTS = 1;
    public const int IPPROTO_TCP = 6;
    public const int TCP_NODELAY = 1;

    [LibraryImport(Library, SetLastError = true)]
    public static partial int accept4(int fd, void* address, void* addressLength, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int socketpair(int domain, int type, int protocol, int* pair);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int setsockopt(int fd, int level, int option, int* value, int length);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint recvmsg(int fd, MessageHeader* message, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint sendmsg(int fd, MessageHeader* message, int flags);
}

/// <summary>struct msghdr of 64-bit Linux.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct MessageHeader
{
    public void* Name;
    public uint NameLength;
    public IoVec* Blocks;
    public nint BlockCount;
    public void* Control;
    public nint ControlLength;
    public int Flags;
}

/// <summary>struct cmsghdr of 64-bit Linux; its data follows.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ControlHeader
{
    public nint Length;
    public int Level;
    public int Type;
}
