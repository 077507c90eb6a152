// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;

namespace BlockHost.Posix;

/// <summary>Turns errno into the block graph's exception.</summary>
public static class SystemError
{
    public static int Last => Marshal.GetLastPInvokeError();

    /// <summary>The system's words: "No such file or directory".</summary>
    public static string Text(int errno) => Marshal.GetPInvokeErrorMessage(errno);

    /// <summary>"<paramref name="what"/>: No such file or directory".</summary>
    public static BlockException Exception(string what, int errno, long? offset = null) =>
        new(Kind(errno), $"{what}: {Text(errno)}", errno) { Offset = offset };

    public static BlockException Exception(int errno, long? offset = null) =>
        new(Kind(errno), Text(errno), errno) { Offset = offset };

    /// <summary>True for the answers a file system gives to an operation it does not have.</summary>
    public static bool IsUnsupported(int errno) =>
        errno is LinuxError.ENOTSUP or Errno.ENOSYS or LinuxError.ENOTTY;

    private static BlockErrorKind Kind(int errno) => errno switch
    {
        Errno.ENOENT or Errno.ENXIO or Errno.ENODEV => BlockErrorKind.NotFound,
        Errno.EPERM or Errno.EACCES => BlockErrorKind.PermissionDenied,
        Errno.EROFS => BlockErrorKind.ReadOnly,
        Errno.ENOSPC => BlockErrorKind.NoSpace,
        Errno.EBUSY or Errno.EAGAIN => BlockErrorKind.Busy,
        Errno.EEXIST => BlockErrorKind.AlreadyExists,
        Errno.EINVAL or Errno.EISDIR or Errno.ENOTDIR => BlockErrorKind.InvalidArgument,
        LinuxError.ENOTSUP or Errno.ENOSYS => BlockErrorKind.NotSupported,
        _ => BlockErrorKind.Io,
    };
}
