// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Plugins.Block.File.Native;

/// <summary>struct iovec.</summary>
internal unsafe struct IoVec
{
    internal void* Base;
    internal nuint Length;
}

/// <summary>struct flock of 64-bit Linux.</summary>
internal struct FileLock
{
    internal short Type;
    internal short Whence;
    internal long Start;
    internal long Length;

    /// <summary>Must be 0 in calls; F_OFD_GETLK answers -1 for an open-file-description lock.</summary>
    internal int Process;
}

/// <summary>The members of struct statx that matter here; its layout is the same on every processor.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct FileStatus
{
    /// <summary>STATX_BASIC_STATS | STATX_DIOALIGN.</summary>
    internal const uint Mask = 0x7FF | DirectIoAlignment;

    internal const uint DirectIoAlignment = 0x2000;

    [FieldOffset(0)]
    internal uint ResultMask;

    [FieldOffset(4)]
    internal uint BlockSize;

    [FieldOffset(28)]
    internal ushort Mode;

    [FieldOffset(32)]
    internal ulong Inode;

    [FieldOffset(40)]
    internal long Size;

    /// <summary>Allocated space in units of 512 bytes.</summary>
    [FieldOffset(48)]
    internal long Blocks;

    [FieldOffset(136)]
    internal uint DeviceMajor;

    [FieldOffset(140)]
    internal uint DeviceMinor;

    /// <summary>0 where the kernel does not say, or the file takes no direct I/O.</summary>
    [FieldOffset(152)]
    internal uint DirectMemoryAlignment;

    [FieldOffset(156)]
    internal uint DirectOffsetAlignment;

    internal readonly int Type => Mode & FileType.Mask;

    internal readonly bool IsSameFile(in FileStatus other) =>
        Inode == other.Inode && DeviceMajor == other.DeviceMajor && DeviceMinor == other.DeviceMinor;
}
