// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Ssh.Sftp;

/// <summary>Files by their names.</summary>
internal static class SftpFolder
{
    public static async ValueTask<bool> ExistsAsync(SftpChannel channel, string path)
    {
        var reply = await channel.AskAsync(SftpPacketType.Stat, packet => packet.String(path)).ConfigureAwait(false);
        if (reply.Type == SftpPacketType.Attributes)
            return true;
        var status = reply.Status(out var message);
        return status == SftpStatus.NoSuchFile ? false : throw SftpFault.Refused(status, message);
    }

    /// <returns>False: there is none.</returns>
    public static async ValueTask<bool> RemoveAsync(SftpChannel channel, string path)
    {
        var reply = await channel.AskAsync(SftpPacketType.Remove, packet => packet.String(path)).ConfigureAwait(false);
        var status = reply.Status(out var message);
        if (status is not (SftpStatus.Ok or SftpStatus.NoSuchFile))
            throw SftpFault.Refused(status, message);
        return status == SftpStatus.Ok;
    }
}
