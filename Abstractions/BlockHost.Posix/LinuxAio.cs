// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Posix;

/// <summary>struct iocb (little-endian layout).</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
public struct AioControlBlock
{
    public const ushort ReadVector = 7;
    public const ushort WriteVector = 8;
    public const uint NotifyEventFd = 1;

    [FieldOffset(0)]
    public ulong Data;

    [FieldOffset(12)]
    public int CallFlags;

    [FieldOffset(16)]
    public ushort Operation;

    [FieldOffset(20)]
    public int Descriptor;

    [FieldOffset(24)]
    public ulong Vectors;

    [FieldOffset(32)]
    public ulong VectorCount;

    [FieldOffset(40)]
    public long Offset;

    [FieldOffset(56)]
    public uint Flags;

    [FieldOffset(60)]
    public int EventFd;
}

/// <summary>struct io_event.</summary>
public struct AioEvent
{
    public ulong Data;
    public ulong ControlBlock;
    public long Result;
    public long Result2;
}

/// <summary>The Linux AIO system calls, which libc does not wrap.</summary>
public static unsafe class LinuxAio
{
    private static bool IsArm64 => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    public static nint Setup(int depth, nuint* context) => Libc.syscall2(IsArm64 ? 0 : 206, (nuint)depth, (nuint)context);

    public static nint Destroy(nuint context) => Libc.syscall2(IsArm64 ? 1 : 207, context, 0);

    public static nint Submit(nuint context, AioControlBlock* block) =>
        Libc.syscall6(IsArm64 ? 2 : 209, context, 1, (nuint)(&block), 0, 0, 0);

    /// <summary>Completions that are there now; waits for none.</summary>
    public static nint GetEvents(nuint context, AioEvent* events, int capacity)
    {
        var noTime = stackalloc long[2] { 0, 0 };
        return Libc.syscall6(IsArm64 ? 4 : 208, context, 0, (nuint)capacity, (nuint)events, (nuint)noTime, 0);
    }
}
