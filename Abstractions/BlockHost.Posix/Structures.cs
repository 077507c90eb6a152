// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Posix;

/// <summary>struct iovec.</summary>
public unsafe struct IoVec
{
    public void* Base;
    public nuint Length;
}

/// <summary>struct flock of 64-bit Linux.</summary>
public struct FileLock
{
    public short Type;
    public short Whence;
    public long Start;
    public long Length;

    /// <summary>Must be 0 in calls; F_OFD_GETLK answers -1 for an open-file-description lock.</summary>
    public int Process;
}

/// <summary>The members of struct statx that matter here; its layout is the same on every processor.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
public struct FileStatus
{
    /// <summary>STATX_BASIC_STATS | STATX_DIOALIGN.</summary>
    public const uint Mask = 0x7FF | DirectIoAlignment;

    public const uint DirectIoAlignment = 0x2000;

    [FieldOffset(0)]
    public uint ResultMask;

    [FieldOffset(4)]
    public uint BlockSize;

    [FieldOffset(20)]
    public uint Owner;

    [FieldOffset(24)]
    public uint Group;

    [FieldOffset(28)]
    public ushort Mode;

    [FieldOffset(32)]
    public ulong Inode;

    [FieldOffset(40)]
    public long Size;

    /// <summary>Allocated space in units of 512 bytes.</summary>
    [FieldOffset(48)]
    public long Blocks;

    /// <summary>When content or attributes changed last, in seconds since 1970 and nanoseconds.</summary>
    [FieldOffset(96)]
    public long ChangedSeconds;

    [FieldOffset(104)]
    public uint ChangedNanoseconds;

    /// <summary>When the content changed last; whoever may write can set it.</summary>
    [FieldOffset(112)]
    public long ModifiedSeconds;

    [FieldOffset(120)]
    public uint ModifiedNanoseconds;

    /// <summary>Of a device: which one it is.</summary>
    [FieldOffset(128)]
    public uint OwnMajor;

    [FieldOffset(132)]
    public uint OwnMinor;

    /// <summary>The device that the file lies on.</summary>
    [FieldOffset(136)]
    public uint DeviceMajor;

    [FieldOffset(140)]
    public uint DeviceMinor;

    /// <summary>0 where the kernel does not say, or the file takes no direct I/O.</summary>
    [FieldOffset(152)]
    public uint DirectMemoryAlignment;

    [FieldOffset(156)]
    public uint DirectOffsetAlignment;

    public readonly int Type => Mode & FileType.Mask;

    public readonly bool IsSameFile(in FileStatus other) =>
        Inode == other.Inode && DeviceMajor == other.DeviceMajor && DeviceMinor == other.DeviceMinor;
}
