// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Plugins.Export.Nbd.Interop;

/// <summary>The Linux calls of the event loop. They return -1 and set errno on failure.</summary>
internal static unsafe partial class Libc
{
    public const int EINTR = 4;
    public const int EAGAIN = 11;

    public const int SOCK_STREAM = 1;
    public const int SOCK_NONBLOCK = 0x800;
    public const int SOCK_CLOEXEC = 0x80000;
    public const int AF_UNIX = 1;

    public const int MSG_DONTWAIT = 0x40;
    public const int MSG_NOSIGNAL = 0x4000;

    public const int SOL_SOCKET = 1;
    public const int SO_SNDBUF = 7;
    public const int SO_RCVBUF = 8;
    public const int IPPROTO_TCP = 6;
    public const int TCP_NODELAY = 1;

    public const int EPOLL_CLOEXEC = 0x80000;
    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const int EPOLL_CTL_MOD = 3;

    public const int EFD_CLOEXEC = 0x80000;
    public const int EFD_NONBLOCK = 0x800;

    public const int MADV_DONTNEED = 4;

    public static int LastError => Marshal.GetLastPInvokeError();

    public static string LastErrorMessage => Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_ctl(int epoll, int operation, int fd, byte* change);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int epoll_wait(int epoll, byte* events, int capacity, int timeoutMilliseconds);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint read(int fd, void* buffer, nint length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint write(int fd, void* buffer, nint length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int accept4(int fd, void* address, void* addressLength, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int socketpair(int domain, int type, int protocol, int* pair);

    [LibraryImport("libc", SetLastError = true)]
    public static partial int setsockopt(int fd, int level, int option, int* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint recvmsg(int fd, MessageHeader* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    public static partial nint sendmsg(int fd, MessageHeader* message, int flags);

    [LibraryImport("libc")]
    public static partial int madvise(void* start, nint length, int advice);

    [LibraryImport("libc")]
    public static partial int sched_yield();
}

[Flags]
internal enum EpollEvents : uint
{
    None = 0,
    In = 1,
    Out = 4,
    Error = 8,
    HangUp = 16,
}

/// <summary>struct epoll_event: packed on x86-64 only.</summary>
internal static unsafe class EpollEvent
{
    private static readonly int DataWord = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 1 : 2;

    public static int Size => DataWord == 1 ? 12 : 16;

    public static void Write(byte* target, EpollEvents events, long data)
    {
        *(uint*)target = (uint)events;
        *(long*)(target + (DataWord * 4)) = data;
    }

    public static (EpollEvents Events, long Data) Read(byte* source) => ((EpollEvents)(*(uint*)source), *(long*)(source + (DataWord * 4)));
}

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoBlock
{
    public byte* Base;
    public nint Length;
}

/// <summary>struct msghdr of 64-bit Linux.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MessageHeader
{
    public void* Name;
    public uint NameLength;
    public IoBlock* Blocks;
    public nint BlockCount;
    public void* Control;
    public nint ControlLength;
    public int Flags;
}
