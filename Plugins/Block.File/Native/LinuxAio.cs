// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Plugins.Block.File.Native;

/// <summary>struct iocb (little-endian layout).</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct AioControlBlock
{
    internal const ushort ReadVector = 7;
    internal const ushort WriteVector = 8;
    internal const uint NotifyEventFd = 1;

    [FieldOffset(0)]
    internal ulong Data;

    [FieldOffset(12)]
    internal int CallFlags;

    [FieldOffset(16)]
    internal ushort Operation;

    [FieldOffset(20)]
    internal int Descriptor;

    [FieldOffset(24)]
    internal ulong Vectors;

    [FieldOffset(32)]
    internal ulong VectorCount;

    [FieldOffset(40)]
    internal long Offset;

    [FieldOffset(56)]
    internal uint Flags;

    [FieldOffset(60)]
    internal int EventFd;
}

/// <summary>struct io_event.</summary>
internal struct AioEvent
{
    internal ulong Data;
    internal ulong ControlBlock;
    internal long Result;
    internal long Result2;
}

/// <summary>The Linux AIO system calls, which libc does not wrap.</summary>
internal static unsafe class LinuxAio
{
    private static bool IsArm64 => RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    internal static nint Setup(int depth, nuint* context) => Libc.syscall2(IsArm64 ? 0 : 206, (nuint)depth, (nuint)context);

    internal static nint Destroy(nuint context) => Libc.syscall2(IsArm64 ? 1 : 207, context, 0);

    internal static nint Submit(nuint context, AioControlBlock* block) =>
        Libc.syscall6(IsArm64 ? 2 : 209, context, 1, (nuint)(&block), 0, 0, 0);

    /// <summary>Completions that are there now; waits for none.</summary>
    internal static nint GetEvents(nuint context, AioEvent* events, int capacity)
    {
        var noTime = stackalloc long[2] { 0, 0 };
        return Libc.syscall6(IsArm64 ? 4 : 208, context, 0, (nuint)capacity, (nuint)events, (nuint)noTime, 0);
    }
}
