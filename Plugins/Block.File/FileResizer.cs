// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File;

/// <summary>Changes a regular file's size. Blocking; a failure puts the old size back.</summary>
internal static class FileResizer
{
    private const int ChunkSize = 64 * 1024;

    internal static void Resize(
        FileDescriptor file, long length, PreallocationMode preallocation, CancellationToken cancellationToken)
    {
        if (length < 0)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Image size cannot be negative");
        var current = file.Status().Size;
        if (preallocation != PreallocationMode.Off && length < current)
            throw new BlockException(BlockErrorKind.NotSupported, "Cannot use preallocation for shrinking files");
        switch (preallocation)
        {
            case PreallocationMode.Off:
                Check(FileCalls.Truncate(file.Value, length), "Failed to resize file");
                if (current == 0 && length > 0)
                    AllocateFirstBlock(file, length);
                break;
            case PreallocationMode.Falloc:
                OrRestore(file, current, () => Allocate(file, current, length));
                break;
            case PreallocationMode.Full:
                OrRestore(file, current, () => WriteZeroes(file, current, length, cancellationToken));
                break;
            default:
                throw new BlockException(
                    BlockErrorKind.NotSupported, $"Unsupported preallocation mode: {QapiName(preallocation)}");
        }
    }

    /// <summary>
    /// Direct I/O that probes for its alignment by reading the start learns nothing from a hole, which some file systems
    /// answer at any alignment. As QEMU does; without space for it the file is as good.
    /// </summary>
    private static unsafe void AllocateFirstBlock(FileDescriptor file, long length)
    {
        const int BlockSize = 4096;
        var zeroes = stackalloc byte[BlockSize];
        new Span<byte>(zeroes, BlockSize).Clear();
        var vector = new IoVec { Base = zeroes, Length = (nuint)Math.Min(BlockSize, length) };
        _ = Libc.pwritev2(file.Value, &vector, 1, 0, 0);
    }

    private static void Allocate(FileDescriptor file, long current, long length)
    {
        // Zero bytes are an error to posix_fallocate.
        if (length != current)
            Check(Libc.posix_fallocate(file.Value, current, length - current), "Could not preallocate new data");
    }

    private static unsafe void WriteZeroes(FileDescriptor file, long current, long length, CancellationToken cancellationToken)
    {
        Check(FileCalls.Truncate(file.Value, length), "Could not resize file");
        var zeroes = new byte[ChunkSize];
        fixed (byte* buffer = zeroes)
        {
            // Up to the first chunk boundary, then whole chunks.
            for (var offset = current; offset < length;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var n = Math.Min(ChunkSize - offset % ChunkSize, length - offset);
                var vector = new IoVec { Base = buffer, Length = (nuint)n };
                var written = Libc.pwritev2(file.Value, &vector, 1, offset, 0);
                if (written < 0)
                    Check(SystemError.Last, "Could not write zeros for preallocation");
                offset += written;
            }
        }

        Check(FileCalls.DataSync(file.Value), "Could not flush file to disk");
    }

    private static void OrRestore(FileDescriptor file, long length, Action change)
    {
        try
        {
            change();
        }
        catch
        {
            _ = FileCalls.Truncate(file.Value, length);
            throw;
        }
    }

    private static void Check(int errno, string what)
    {
        if (errno is not 0 and not Errno.EINTR)
            throw SystemError.Exception(what, errno);
    }

    internal static string QapiName(PreallocationMode mode) => mode switch
    {
        PreallocationMode.Off => "off",
        PreallocationMode.Metadata => "metadata",
        PreallocationMode.Falloc => "falloc",
        PreallocationMode.Full => "full",
        _ => mode.ToString(),
    };
}
