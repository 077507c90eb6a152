// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Posix;

/// <summary>eventfd and epoll.</summary>
public static unsafe partial class Libc
{
    public const int EFD_CLOEXEC = 0x80000;
    public const int EFD_NONBLOCK = 0x800;

    public const int EPOLL_CLOEXEC = 0x80000;
    public const int EPOLL_CTL_ADD = 1;
    public const int EPOLL_CTL_DEL = 2;
    public const int EPOLL_CTL_MOD = 3;

    [LibraryImport(Library, SetLastError = true)]
    public static partial int eventfd(uint initial, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int epoll_create1(int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int epoll_ctl(int epoll, int operation, int fd, byte* change);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int epoll_wait(int epoll, byte* events, int capacity, int timeoutMilliseconds);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int poll(PollDescriptor* descriptors, nuint count, int timeoutMilliseconds);
}

/// <summary>struct pollfd.</summary>
public struct PollDescriptor
{
    public int Descriptor;
    public short Events;
    public short ReceivedEvents;
}

[Flags]
public enum EpollEvents : uint
{
    None = 0,
    In = 1,
    Out = 4,
    Error = 8,
    HangUp = 16,

    /// <summary>EPOLLET: told once for each event, which nobody has to read for that.</summary>
    Edge = 1u << 31,
}

/// <summary>struct epoll_event: packed on x86-64 only.</summary>
public static unsafe class EpollEvent
{
    private static readonly int DataWord = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 1 : 2;

    public static int Size => DataWord == 1 ? 12 : 16;

    public static void Write(byte* target, EpollEvents events, long data)
    {
        *(uint*)target = (uint)events;
        *(long*)(target + (DataWord * 4)) = data;
    }

    public static (EpollEvents Events, long Data) Read(byte* source) =>
        ((EpollEvents)(*(uint*)source), *(long*)(source + (DataWord * 4)));
}
