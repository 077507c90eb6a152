// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Ssh.Sftp;

/// <summary>An answer.</summary>
/// <param name="Body">What follows the id; of data, nothing: it is where it was wanted.</param>
/// <param name="DataLength">Bytes of data that have come.</param>
internal readonly record struct SftpReply(SftpPacketType Type, ReadOnlyMemory<byte> Body, int DataLength = 0)
{
    /// <summary>As the status that it has to be, or is instead of what was asked for.</summary>
    public SftpStatus Status(out string message)
    {
        if (Type != SftpPacketType.Status)
            throw SftpFault.Malformed($"a packet of type {(byte)Type} where a status was due");
        var reader = new SftpReader(Body.Span);
        var status = (SftpStatus)reader.Number();
        message = reader.IsAtEnd ? "" : reader.Text();
        return status;
    }

    /// <exception cref="Block.BlockException">The server refuses.</exception>
    public void RequireOk()
    {
        if (Status(out var message) is not SftpStatus.Ok and var status)
            throw SftpFault.Refused(status, message);
    }

    /// <exception cref="Block.BlockException">The server refuses.</exception>
    public SftpReader Require(SftpPacketType type)
    {
        if (Type != type)
            throw SftpFault.Refused(Status(out var message), message);
        return new SftpReader(Body.Span);
    }
}
