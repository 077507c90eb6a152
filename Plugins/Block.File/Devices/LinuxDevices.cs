// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Block;
using BlockHost.Plugins;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Devices;

/// <summary>The devices of this machine.</summary>
internal sealed unsafe class LinuxDevices : IDeviceLayer
{
    public FileStatus? TryStatus(string path) => FileDescriptor.TryStatus(path);

    public FileStatus Status(FileDescriptor file) => file.Status();

    public FileDescriptor? TryOpen(IPassedDescriptors? passed, string path, int flags, out int errno) => passed is null
        ? FileDescriptor.TryOpen(path, flags, 0, out errno)
        : FileDescriptor.TryOpen(passed, path, flags, 0, out errno);

    public FileDescriptor? TryOpenAgain(FileDescriptor file, string path, int flags, out int errno) =>
        FileDescriptor.TryOpenAgain(file, path, flags, out errno);

    public long Size(FileDescriptor file)
    {
        ulong size;
        if (Libc.ioctl(file.Value, BlockDeviceControl.Size64, &size) == 0)
            return checked((long)size);
        var end = Libc.lseek(file.Value, 0, Seek.End);
        return end >= 0 ? end : throw SystemError.Exception("Could not get the size of the device", SystemError.Last);
    }

    public int Control(FileDescriptor file, nuint request, void* argument)
    {
        while (true)
        {
            var result = Libc.ioctl(file.Value, request, argument);
            if (result >= 0)
                return result;
            if (SystemError.Last != Errno.EINTR)
                return -SystemError.Last;
        }
    }

    public string? Attribute(in FileStatus device, string name)
    {
        if (device.Type != FileType.BlockDevice)
            return null;
        var link = string.Create(CultureInfo.InvariantCulture, $"/sys/dev/block/{device.OwnMajor}:{device.OwnMinor}");
        try
        {
            var folder = Directory.ResolveLinkTarget(link, returnFinalTarget: true)?.FullName ?? link;
            return System.IO.File.ReadAllText(Path.Combine(folder, name)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
