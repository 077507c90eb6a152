// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Locking;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Devices;

/// <summary>
/// A device cannot be made; clearing its first sector takes away the format it held. Blocking.
/// </summary>
internal static class DeviceClearing
{
    private const int SectorSize = 512;

    /// <param name="check">Throws where there is nothing to clear.</param>
    internal static unsafe void Clear(
        IPassedDescriptors passed, IDeviceLayer devices, FileCreateOptions options, string driver, Action<FileDescriptor> check)
    {
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(
                BlockErrorKind.NotSupported, $"Unsupported preallocation mode '{FileResizer.QapiName(options.Preallocation)}'");
        using var file = Open(passed, devices, options.Filename, driver);
        check(file);
        if (devices.Size(file) < options.Size)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Cannot grow device files");
        using var locks = FileCreator.LockForCreation(file, options.Filename);
        var sector = stackalloc byte[SectorSize];
        new Span<byte>(sector, SectorSize).Clear();
        var vector = new IoVec { Base = sector, Length = SectorSize };
        if (Libc.pwritev2(file.Value, &vector, 1, 0, (int)IoCallFlags.DataSync) < 0)
            throw SystemError.Exception("Failed to clear the new image's first sector", SystemError.Last);
    }

    private static FileDescriptor Open(IPassedDescriptors passed, IDeviceLayer devices, string path, string driver)
    {
        var reason = $"Protocol driver '{driver}' does not support image creation, and opening the image failed: ";
        var file = devices.TryOpen(passed, path, OpenFlags.ReadWrite | OpenFlags.NonBlocking, out var errno)
            ?? throw SystemError.Exception($"{reason}Could not open '{path}'", errno);
        if (devices.Status(file).Type is FileType.BlockDevice or FileType.CharacterDevice)
            return file;
        file.Dispose();
        throw new BlockException(BlockErrorKind.InvalidArgument, reason + DeviceDriver.Requirement(driver, path));
    }
}
