// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Virtio.Memory;

/// <summary>Maps what another process has sent a descriptor of.</summary>
internal static unsafe class SharedFile
{
    /// <param name="length">From the file's beginning on.</param>
    /// <param name="what">For messages: "the log".</param>
    /// <exception cref="VhostUserException">The file is shorter: a page that is not there would end the process.</exception>
    /// <exception cref="Block.BlockException">It cannot be mapped.</exception>
    public static MemoryMapping Map(int descriptor, ulong length, string what)
    {
        const int EmptyPath = 0x1000;
        FileStatus status;
        if (Libc.statx(descriptor, "", EmptyPath, FileStatus.Mask, &status) < 0)
            throw new VhostUserException($"{what}: {SystemError.Text(SystemError.Last)}");
        if (status.Type == FileType.Regular && length > (ulong)status.Size)
            throw new VhostUserException($"{what} ends at 0x{length:x}, and its file at 0x{status.Size:x}");
        return MemoryMapping.Of(descriptor, 0, (nuint)length, writable: true);
    }
}
