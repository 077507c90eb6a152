// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Locking;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File;

/// <summary>Makes files for images. Blocking.</summary>
internal static class FileCreator
{
    private const int SectorSize = 512;
    private const long DefaultExtentSize = 1 << 20;
    private const uint OwnerWritesAllRead = 0b110_100_100;

    /// <summary>
    /// Makes the file, or empties one that nobody else uses. A file that did not exist is gone again after a failure.
    /// </summary>
    internal static void Create(IPassedDescriptors passed, FileCreateOptions options, CancellationToken cancellationToken)
    {
        var path = options.Filename;
        if (options.ExtentSizeHint is < 0 or > uint.MaxValue)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Extent size hint is too large");
        using var file = OpenOrCreate(passed, path, out var isNew);
        try
        {
            if (file.Status().Type != FileType.Regular)
                throw SystemError.Exception("Could not resize file", Errno.EINVAL);
            using var locks = LockForCreation(file, path);
            if (FileCalls.Truncate(file.Value, 0) is var errno and not 0)
                throw SystemError.Exception("Could not clear file", errno);
            if (options.Nocow)
                FileHints.DisableCopyOnWrite(file);
            if (options.ExtentSizeHint is not 0)
                FileHints.SetExtentSize(file, (uint)(options.ExtentSizeHint ?? DefaultExtentSize));
            FileResizer.Resize(file, options.Size, options.Preallocation, cancellationToken);
        }
        catch
        {
            if (isNew)
                System.IO.File.Delete(System.IO.File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path);
            throw;
        }
    }

    /// <summary>A device cannot be made; clearing its first sector takes away the format it held.</summary>
    internal static unsafe void ClearDevice(IPassedDescriptors passed, FileCreateOptions options)
    {
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(
                BlockErrorKind.NotSupported, $"Unsupported preallocation mode '{FileResizer.QapiName(options.Preallocation)}'");
        using var file = OpenDevice(passed, options.Filename);
        if (HostDeviceNode.DeviceSize(file) < options.Size)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Cannot grow device files");
        using var locks = LockForCreation(file, options.Filename);
        var sector = stackalloc byte[SectorSize];
        new Span<byte>(sector, SectorSize).Clear();
        var vector = new IoVec { Base = sector, Length = SectorSize };
        if (Libc.pwritev2(file.Value, &vector, 1, 0, (int)IoCallFlags.DataSync) < 0)
            throw SystemError.Exception("Failed to clear the new image's first sector", SystemError.Last);
    }

    private static FileDescriptor OpenDevice(IPassedDescriptors passed, string path)
    {
        const string Reason = "Protocol driver 'host_device' does not support image creation, and opening the image failed: ";
        var file = FileDescriptor.TryOpen(
            passed, path, OpenFlags.ReadWrite | OpenFlags.NonBlocking, 0, out var errno)
            ?? throw SystemError.Exception($"{Reason}Could not open '{path}'", errno);
        if (file.Status().Type is FileType.BlockDevice or FileType.CharacterDevice)
            return file;
        file.Dispose();
        throw new BlockException(BlockErrorKind.InvalidArgument, $"{Reason}{HostDeviceDriver.Requirement(path)}");
    }

    private static FileDescriptor OpenOrCreate(IPassedDescriptors passed, string path, out bool isNew)
    {
        const int Existing = OpenFlags.ReadWrite | OpenFlags.NonBlocking;
        if (DescriptorSetName.IsNamed(path))
        {
            isNew = false;
            return FileDescriptor.TryOpen(passed, path, OpenFlags.ReadWrite, 0, out var refusal) ?? throw SystemError.Exception(
                $"Could not dup FD for {path} flags {OpenFlags.ReadWrite | OpenFlags.Create:x}", refusal);
        }

        var file = FileDescriptor.TryOpen(
            path, Existing | OpenFlags.Create | OpenFlags.Exclusive, OwnerWritesAllRead, out var errno);
        isNew = file is not null;
        if (errno == Errno.EEXIST)
            file = FileDescriptor.TryOpen(path, Existing, 0, out errno);
        if (file is null && errno == Errno.ENOENT)
        {
            // A link to a file that is not there yet.
            file = FileDescriptor.TryOpen(path, Existing | OpenFlags.Create, OwnerWritesAllRead, out errno);
            isNew = file is not null;
        }

        return file ?? throw SystemError.Exception($"Could not create '{path}'", errno);
    }

    private static ImageLock? LockForCreation(FileDescriptor file, string path)
    {
        if (LockDescriptor.TryOpen(file, path, out _) is not { } descriptor)
            return null;
        var result = new ImageLock(descriptor, path);
        try
        {
            const BlockPermissions Needed = BlockPermissions.Write | BlockPermissions.Resize;
            result.Prepare(new BlockPermissionSet(Needed, BlockPermissions.All & ~BlockPermissions.Resize));
            result.Commit();
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }
}
