// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File;

/// <summary>
/// Wishes about how a file system stores a new file. They change speed, not content, and most file systems know none,
/// so that a refusal is no error.
/// </summary>
internal static unsafe class FileHints
{
    private const nuint GetFlags = 0x80086601;
    private const nuint SetFlags = 0x40086602;
    private const nint NoCopyOnWriteFlag = 0x00800000;

    private const nuint GetExtendedAttributes = 0x801C581F;
    private const nuint SetExtendedAttributes = 0x401C5820;
    private const uint ExtentSizeFlag = 0x800;

    /// <summary>btrfs: overwrite in place. Works on empty files only.</summary>
    internal static void DisableCopyOnWrite(FileDescriptor file)
    {
        nint flags = 0;
        if (Libc.ioctl(file.Value, GetFlags, &flags) < 0)
            return;
        flags |= NoCopyOnWriteFlag;
        _ = Libc.ioctl(file.Value, SetFlags, &flags);
    }

    /// <summary>XFS: allocate in units of this many bytes, so that scattered writes leave fewer extents.</summary>
    internal static void SetExtentSize(FileDescriptor file, uint bytes)
    {
        ExtendedAttributes attributes;
        if (Libc.ioctl(file.Value, GetExtendedAttributes, &attributes) < 0)
            return;
        attributes.Flags |= ExtentSizeFlag;
        attributes.ExtentSize = bytes;
        _ = Libc.ioctl(file.Value, SetExtendedAttributes, &attributes);
    }

    /// <summary>struct fsxattr.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 28)]
    private struct ExtendedAttributes
    {
        internal uint Flags;
        internal uint ExtentSize;
        internal uint ExtentCount;
        internal uint Project;
        internal uint CopyExtentSize;
    }
}
