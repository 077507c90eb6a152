// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Devices;

/// <summary>
/// All that the drivers ask the system about devices, beyond their reads and writes. The tests have drives here that the
/// machine has not.
/// </summary>
internal unsafe interface IDeviceLayer
{
    /// <summary>Of what <paramref name="path"/> leads to, or null.</summary>
    FileStatus? TryStatus(string path);

    FileStatus Status(FileDescriptor file);

    /// <param name="passed">Null: the path names no descriptor that was passed.</param>
    FileDescriptor? TryOpen(IPassedDescriptors? passed, string path, int flags, out int errno);

    /// <summary>A second description of the same device.</summary>
    FileDescriptor? TryOpenAgain(FileDescriptor file, string path, int flags, out int errno);

    /// <summary>Bytes of the device, or of the partition.</summary>
    /// <exception cref="BlockException">It has no size.</exception>
    long Size(FileDescriptor file);

    /// <summary>ioctl: what it returned, or a negative errno.</summary>
    int Control(FileDescriptor file, nuint request, void* argument);

    /// <summary>A text of the device's folder in sysfs, such as "queue/zoned", or null.</summary>
    string? Attribute(in FileStatus device, string name);
}
