// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Ssh.Sftp;

/// <summary>Codes of SSH_FXP_STATUS (section 7).</summary>
internal enum SftpStatus : uint
{
    Ok = 0,
    Eof = 1,
    NoSuchFile = 2,
    PermissionDenied = 3,
    Failure = 4,
    BadMessage = 5,
    OperationUnsupported = 8,
}

internal static class SftpFault
{
    /// <summary>The server's own answer: another try would get the same.</summary>
    public static BlockException Refused(SftpStatus status, string message) => new(
        status switch
        {
            SftpStatus.NoSuchFile => BlockErrorKind.NotFound,
            SftpStatus.PermissionDenied => BlockErrorKind.PermissionDenied,
            SftpStatus.OperationUnsupported => BlockErrorKind.NotSupported,
            _ => BlockErrorKind.Io,
        },
        $"SFTP server: {(message.Length > 0 ? message : status.ToString())} (sftp error code: {(uint)status})",
        status == SftpStatus.PermissionDenied ? Errno.EACCES : 0);

    public static RemoteFault Malformed(string what) => new($"The SFTP server's answer makes no sense: {what}");
}
