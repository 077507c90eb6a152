// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Locking;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File;

/// <summary>Makes files for images. Blocking.</summary>
internal static class FileCreator
{
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

    internal static ImageLock? LockForCreation(FileDescriptor file, string path)
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
