// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Nbd;

namespace BlockHost.Plugins.Block.Nbd.Client;

/// <summary>Errors of servers as the block graph has them.</summary>
internal static class NbdFaults
{
    /// <param name="text">The server's own words, or "".</param>
    public static BlockException Of(NbdOperation operation, NbdError error, string text)
    {
        var errno = NbdErrors.ToErrno(error);
        var about = $"The NBD server failed a request ({NbdNames.Of(operation.Command)}): {ErrnoText.Of(errno)}";
        return new BlockException(KindOf(errno), text.Length > 0 ? $"{about} ({text})" : about, errno)
        { Offset = operation.Offset };
    }

    /// <summary>A server that sends this is not understood any further: the connection ends.</summary>
    public static BlockException Protocol(string message) => new(BlockErrorKind.Io, $"Protocol error: {message}");

    private static BlockErrorKind KindOf(int errno) => errno switch
    {
        Errno.EPERM => BlockErrorKind.PermissionDenied,
        Errno.EINVAL => BlockErrorKind.InvalidArgument,
        Errno.ENOSPC => BlockErrorKind.NoSpace,
        Errno.ENOTSUP => BlockErrorKind.NotSupported,
        Errno.ESHUTDOWN => BlockErrorKind.ShuttingDown,
        _ => BlockErrorKind.Io,
    };
}
