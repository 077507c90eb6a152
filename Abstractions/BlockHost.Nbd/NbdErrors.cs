// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Nbd;

public static class NbdErrors
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

    /// <summary>The Linux errno for the wire's error; one that the protocol does not define is EINVAL.</summary>
    public static int ToErrno(NbdError error) => error switch
    {
        NbdError.NotPermitted => Errno.EPERM,
        NbdError.Io => Errno.EIO,
        NbdError.NoMemory => Errno.ENOMEM,
        NbdError.NoSpace => Errno.ENOSPC,
        NbdError.Overflow => (int)NbdError.Overflow,
        NbdError.NotSupported => Errno.ENOTSUP,
        NbdError.Shutdown => Errno.ESHUTDOWN,
        _ => Errno.EINVAL,
    };
}
