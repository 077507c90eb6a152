// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Export.Nbd.Protocol;

internal static class NbdErrors
{
    /// <summary>The wire's error for a Linux errno; one it has no word for is EINVAL, as in other servers.</summary>
    public static NbdError FromErrno(int errno) => errno switch
    {
        0 => NbdError.None,
        Errno.EPERM or Errno.EROFS or Errno.EACCES => NbdError.NotPermitted,
        Errno.EIO => NbdError.Io,
        Errno.ENOMEM => NbdError.NoMemory,
        Errno.ENOSPC or Errno.EFBIG => NbdError.NoSpace,
        (int)NbdError.Overflow => NbdError.Overflow,
        Errno.ENOTSUP or Errno.ENOSYS => NbdError.NotSupported,
        Errno.ESHUTDOWN => NbdError.Shutdown,
        _ => NbdError.Invalid,
    };
}
